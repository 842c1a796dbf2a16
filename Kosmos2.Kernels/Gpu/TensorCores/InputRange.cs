namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>The inputs that a block sums over: all, or its share where the blocks of a cluster, numbered by y, split them. Shares are whole tiles.</summary>
/// <param name="First">The first.</param>
/// <param name="End">The one after the last.</param>
internal readonly record struct InputRange(string First, string End)
{
    /// <summary>This block's share. Behind the last input shares are empty.</summary>
    /// <param name="text">Where it is computed.</param>
    /// <param name="inputs">All of them.</param>
    /// <param name="splits">Blocks over the inputs.</param>
    /// <param name="depth">Inputs of a tile.</param>
    public static InputRange Write(PtxText text, string inputs, int splits, int depth)
    {
        if (splits == 1)
            return new InputRange(text.B32("mov.u32", 0), inputs);
        string tiles = text.B32("div.u32", text.B32("add.u32", inputs, (splits * depth) - 1), splits * depth);
        string share = text.B32("mul.lo.u32", tiles, depth);
        string first = text.B32("min.u32", text.B32("mul.lo.u32", text.B32("mov.u32", "%ctaid.y"), share), inputs);
        return new InputRange(first, text.B32("min.u32", text.B32("add.u32", first, share), inputs));
    }

    /// <summary>Tiles of it.</summary>
    public string Tiles(PtxText text, int depth) =>
        text.B32("div.u32", text.B32("add.u32", text.B32("sub.u32", End, First), depth - 1), depth);
}
