namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// How a product is cut: a block of threads computes <see cref="Rows"/> x <see cref="Outputs"/> sums, its warps a grid of equal parts; <see cref="Depth"/>
/// inputs of both operands at a time pass through shared memory, with <see cref="Stages"/> such tiles there at once.
/// </summary>
/// <param name="Rows">Rows of x, and of y, of a block.</param>
/// <param name="Outputs">Rows of W, columns of y, of a block.</param>
/// <param name="Depth">Inputs of a tile: 32 or 64.</param>
/// <param name="Stages">Tiles in shared memory: one is computed with while the others are on their way.</param>
/// <param name="WarpsDown">Warps over the rows.</param>
/// <param name="WarpsAcross">Warps over the outputs.</param>
internal sealed record MatmulTile(int Rows, int Outputs, int Depth, int Stages, int WarpsDown, int WarpsAcross)
{
    /// <summary>Inputs of one copy of 16 bytes.</summary>
    public const int ChunkInputs = 8;

    private const int ElementBytes = 2;

    /// <summary>
    /// The largest first. 64 x 64 sums a warp are what 255 registers a thread hold and what shared memory can feed; 128 x 256 a block
    /// fill a multiprocessor's registers and read each operand from the second-level cache least often. The small ones are for few rows,
    /// where reading W takes all the time: little to compute, many bytes on their way.
    /// </summary>
    private static readonly MatmulTile[] Tiles =
    [
        new(128, 256, 32, 4, 2, 4),
        new(128, 128, 32, 4, 2, 2),
        new(64, 64, 64, 4, 2, 2),
        new(32, 64, 64, 5, 1, 4),
        new(16, 64, 64, 6, 1, 4),
    ];

    /// <summary>All tiles.</summary>
    public static IReadOnlyList<MatmulTile> All => Tiles;

    /// <summary>Threads of a block.</summary>
    public int Threads => 32 * WarpsDown * WarpsAcross;

    /// <summary>Rows of a warp's part.</summary>
    public int WarpRows => Rows / WarpsDown;

    /// <summary>Outputs of a warp's part.</summary>
    public int WarpOutputs => Outputs / WarpsAcross;

    /// <summary>Bytes from a row of a tile to the next.</summary>
    public int Pitch => Depth * ElementBytes;

    /// <summary>Bytes of a stage: the rows of x, then those of W.</summary>
    public int StageBytes => (Rows + Outputs) * Pitch;

    /// <summary>Floats from one row to the next where a warp passes its sums on; 8 more than needed, so that writers meet no bank twice.</summary>
    public int SumPitch => WarpOutputs + 8;

    /// <summary>Bytes of shared memory of a block: its stages, whose place the sums of 16 rows a warp take afterwards.</summary>
    public int SharedBytes => Math.Max(Stages * StageBytes, Threads / 32 * 16 * SumPitch * sizeof(float));

    /// <summary>Short name: <c>128x256</c>.</summary>
    public override string ToString() => $"{Rows}x{Outputs}";

    /// <summary>Blocks that a product takes.</summary>
    public int Blocks(int rows, int outputs) => checked(Count(rows, Rows) * Count(outputs, Outputs));

    /// <summary>
    /// The tile for a product: the largest that is more than half full of rows and whose blocks keep all multiprocessors busy. Where none does, the
    /// smallest that takes all rows at once, or 64 of them, since then more and smaller blocks finish sooner.
    /// </summary>
    /// <param name="rows">Rows of x.</param>
    /// <param name="outputs">Rows of W.</param>
    /// <param name="multiprocessors">Of the device.</param>
    /// <param name="sharedBytes">The most shared memory that a block may have on the device; 64 KB at least.</param>
    public static MatmulTile For(int rows, int outputs, int multiprocessors, int sharedBytes)
    {
        MatmulTile? small = null;
        foreach (MatmulTile tile in Tiles)
        {
            if (tile.SharedBytes > sharedBytes || (small is not null && tile.Rows < Math.Min(rows, 64)))
                continue;
            if (tile.Rows / 2 < rows && tile.Blocks(rows, outputs) >= multiprocessors)
                return tile;
            small = tile;
        }
        return small!;
    }

    private static int Count(int count, int size) => (count + size - 1) / size;
}
