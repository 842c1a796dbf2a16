namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Which tile of y a block computes.</summary>
internal static class BlockPlace
{
    // Neighbouring blocks take this many tiles of rows before they go on to the next outputs: what runs at one time is about square, and reads least.
    private const int GroupedRows = 16;

    /// <summary>The first row and the first output of this block's tile.</summary>
    /// <param name="text">Where it is computed.</param>
    /// <param name="rows">Rows of y.</param>
    /// <param name="outputs">Columns of y.</param>
    /// <param name="tileRows">Rows of a tile.</param>
    /// <param name="tileOutputs">Outputs of a tile.</param>
    public static (string Row, string Output) Write(PtxText text, string rows, string outputs, int tileRows, int tileOutputs)
    {
        string block = text.B32("mov.u32", "%ctaid.x");
        string down = Tiles(text, rows, tileRows), across = Tiles(text, outputs, tileOutputs);
        string grouped = text.B32("mul.lo.u32", across, GroupedRows);
        string group = text.B32("div.u32", block, grouped);
        string first = text.B32("mul.lo.u32", group, GroupedRows);
        string height = text.B32("min.u32", text.B32("sub.u32", down, first), GroupedRows);
        string within = text.B32("rem.u32", block, grouped);
        string rowTile = text.B32("add.u32", first, text.B32("rem.u32", within, height));
        return (text.B32("mul.lo.u32", rowTile, tileRows), text.B32("mul.lo.u32", text.B32("div.u32", within, height), tileOutputs));
    }

    private static string Tiles(PtxText text, string count, int size) => text.B32("div.u32", text.B32("add.u32", count, size - 1), size);
}
