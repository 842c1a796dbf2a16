namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>How an exact product is cut: 256 threads, 16 x 16, compute <see cref="Rows"/> x <see cref="Outputs"/> sums, one or two quads each way a thread.</summary>
/// <param name="Rows">Rows of x, and of y, of a block: 64 or 128.</param>
/// <param name="Outputs">Rows of W, columns of y, of a block: 64 or 128.</param>
internal sealed record FloatTile(int Rows, int Outputs)
{
    /// <summary>Inputs of a tile in shared memory.</summary>
    public const int Depth = 16;

    /// <summary>Rows, or outputs, that a thread takes together.</summary>
    public const int Quad = 4;

    /// <summary>Rows, or outputs, of all threads' quads.</summary>
    public const int Span = 64;

    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    // Floats between the inputs of a tile, beyond its rows.
    private const int Padding = 4;

    private static readonly FloatTile[] Tiles = [new(128, 128), new(64, 64)];

    /// <summary>All tiles, the largest first.</summary>
    public static IReadOnlyList<FloatTile> All => Tiles;

    /// <summary>Floats from one input of x's tile to the next.</summary>
    public int RowPitch => Rows + Padding;

    /// <summary>Floats from one input of W's tile to the next.</summary>
    public int OutputPitch => Outputs + Padding;

    /// <summary>Bytes of a stage: x's tile [input][row], then W's [input][output].</summary>
    public int StageBytes => Depth * (RowPitch + OutputPitch) * sizeof(float);

    /// <summary>Bytes of shared memory: two stages, one read while the other is filled.</summary>
    public int SharedBytes => 2 * StageBytes;

    /// <summary>Short name: <c>128x128</c>.</summary>
    public override string ToString() => $"{Rows}x{Outputs}";

    /// <summary>Blocks that a product takes.</summary>
    public int Blocks(int rows, int outputs) => checked(((rows + Rows - 1) / Rows) * ((outputs + Outputs - 1) / Outputs));

    /// <summary>The large tile where its blocks keep all multiprocessors busy, otherwise the small one.</summary>
    public static FloatTile For(int rows, int outputs, int multiprocessors) =>
        rows > Tiles[1].Rows && Tiles[0].Blocks(rows, outputs) >= multiprocessors ? Tiles[0] : Tiles[1];
}
