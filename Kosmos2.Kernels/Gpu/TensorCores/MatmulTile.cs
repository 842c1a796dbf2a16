using static Kosmos2.Kernels.Gpu.TensorCores.LaunchGrid;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// How a product is cut: a block of threads computes <see cref="Rows"/> x <see cref="Outputs"/> sums, its warps a grid of equal parts; <see cref="Depth"/>
/// inputs of both operands at a time pass through shared memory, with <see cref="Stages"/> such tiles there at once. Where that gives too few blocks,
/// <see cref="Splits"/> blocks, a cluster, share the inputs of the same sums.
/// </summary>
/// <param name="Rows">Rows of x, and of y, of a block.</param>
/// <param name="Outputs">Rows of W, columns of y, of a block.</param>
/// <param name="Depth">Inputs of a tile: 32 or 64.</param>
/// <param name="Stages">Tiles in shared memory: one is computed with while the others are on their way.</param>
/// <param name="WarpsDown">Warps over the rows.</param>
/// <param name="WarpsAcross">Warps over the outputs.</param>
/// <param name="Splits">Blocks over the inputs.</param>
internal sealed record MatmulTile(int Rows, int Outputs, int Depth, int Stages, int WarpsDown, int WarpsAcross, int Splits = 1)
{
    /// <summary>Inputs of one copy of 16 bytes.</summary>
    public const int ChunkInputs = 8;

    /// <summary>Rows of the largest tile that takes bytes.</summary>
    public const int MostByteRows = 80;

    private const int ElementBytes = 2;

    /// <summary>
    /// The largest first. 64 x 64 sums a warp are what 255 registers a thread hold and what shared memory can feed; 128 x 256 a block
    /// fill a multiprocessor's registers and read each operand from the second-level cache least often. 96 rows fit a picture's 257 best, 80 a picture's
    /// prompt, 64 as many sequences. The small ones are for few rows, where reading W takes all the time: little to compute, many bytes on their way.
    /// </summary>
    private static readonly MatmulTile[] Tiles =
    [
        new(128, 256, 32, 4, 2, 4),
        new(128, 128, 32, 4, 2, 2),
        new(96, 128, 64, 3, 1, 4),
        new(80, 256, 64, 4, 1, 8),
        new(80, 128, 64, 4, 1, 4),
        new(80, 64, 64, 4, 1, 4),
        new(64, 256, 64, 4, 2, 4),
        new(64, 128, 64, 4, 2, 2),
        new(64, 64, 64, 4, 2, 2),
        new(32, 64, 64, 5, 1, 4),
        new(16, 64, 64, 6, 1, 4),
    ];

    /// <summary>All tiles whose sums are one block's.</summary>
    public static IReadOnlyList<MatmulTile> All => Tiles;

    /// <summary>
    /// Those of up to 96 rows with 2, 4 and 8 blocks over the inputs: more are not sure to find room beside each other, and of more rows there are
    /// tiles enough.
    /// </summary>
    public static IReadOnlyList<MatmulTile> Split { get; } =
        [.. from tile in Tiles where tile.Rows <= 96 from splits in (int[])[2, 4, 8] select tile with { Splits = splits }];

    /// <summary>Whether its threads have registers to widen small integers in: of a tile of 64 outputs each has four chunks on the way, of larger ones eight.</summary>
    public bool TakesIntegers => Outputs == 64;

    /// <summary>Whether its tiles are the groups that rows of bytes have scales for, and its threads have registers for each sum twice, as integer and as float.</summary>
    public bool TakesBytes => Depth * ElementBytes == ByteRowsText.GroupInputs && Rows * Outputs / Threads <= 80;

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

    /// <summary>Bytes in which the warps pass their sums on, 16 rows each at a time.</summary>
    public int PassedBytes => Threads / 32 * 16 * SumPitch * sizeof(float);

    /// <summary>Bytes of shared memory of a block: its stages, whose place the sums take afterwards, those for the cluster's other blocks behind those passed on.</summary>
    public int SharedBytes => Math.Max(Stages * StageBytes, PassedBytes + (Splits > 1 ? Rows * Outputs * sizeof(float) : 0));

    /// <summary>Short name: <c>128x256</c>, or <c>80x128k4</c> with four blocks over the inputs.</summary>
    public override string ToString() => Splits == 1 ? $"{Rows}x{Outputs}" : $"{Rows}x{Outputs}k{Splits}";

    /// <summary>Tiles of y that a product has.</summary>
    public int Count(int rows, int outputs) => checked(Groups(rows, Rows) * Groups(outputs, Outputs));

    /// <summary>
    /// Clocks that a product takes, estimated: what the busiest multiprocessor has to do. Its blocks wait for what is slowest of copying from the second-level
    /// cache, multiplying and reading shared memory; clusters meet at the end and read each other's sums. Blocks that find room beside each other begin and
    /// meet at the same time.
    /// </summary>
    /// <param name="rows">Rows of x.</param>
    /// <param name="outputs">Rows of W.</param>
    /// <param name="inputs">Of both.</param>
    /// <param name="layers">Weights of that shape.</param>
    /// <param name="multiprocessors">Of the device.</param>
    /// <param name="sharedBytes">Shared memory of a multiprocessor.</param>
    public double Clocks(int rows, int outputs, int inputs, int layers, int multiprocessors, int sharedBytes)
    {
        // Of a multiprocessor a clock, as measured on an H200 with all of them busy: bytes from the second-level cache and from shared memory, products.
        const double CacheBytes = 24, SharedMemoryBytes = 128, Products = 1200, SumBytes = 32;
        const double Start = 1000, Meeting = 1500;
        // The registers of so many threads, at what these kernels take.
        const int ThreadsAtOnce = 512;
        // A cluster's blocks run in one of the device's parts, whose multiprocessors it may not divide evenly.
        int room = Splits == 1 ? multiprocessors : Math.Max(multiprocessors / 8 * 8, 1);
        int blocks = Groups(checked(Count(rows, outputs) * layers * Splits), room);
        int atOnce = Math.Max(1, Math.Min(sharedBytes / SharedBytes, ThreadsAtOnce / Threads));
        double perInput = Math.Max(
            Math.Max((Rows + Outputs) * ElementBytes / CacheBytes, Rows * Outputs / Products),
            ((Rows * WarpsAcross) + (Outputs * WarpsDown)) * ElementBytes / SharedMemoryBytes);
        double share = Groups(inputs, Splits * Depth) * Depth * perInput, sums = Rows * Outputs * sizeof(float) / SumBytes;
        return (blocks * (share + (sums / Splits) + (Splits == 1 ? 0 : sums))) + (Groups(blocks, atOnce) * (Start + (Splits == 1 ? 0 : Meeting)));
    }

    /// <summary>The tile for a product: of those that are more than half full of rows, the one that is estimated to take the least time.</summary>
    /// <param name="rows">Rows of x.</param>
    /// <param name="outputs">Rows of W.</param>
    /// <param name="inputs">Of both.</param>
    /// <param name="layers">Weights of that shape.</param>
    /// <param name="multiprocessors">Of the device.</param>
    /// <param name="sharedBytes">The most shared memory that a block may have on the device; 64 KB at least.</param>
    /// <param name="clusters">Whether the device has clusters of blocks.</param>
    /// <param name="types">Of x and W.</param>
    public static MatmulTile For(int rows, int outputs, int inputs, int layers, int multiprocessors, int sharedBytes, bool clusters, MatmulTypes types) =>
        Tiles.Concat(clusters ? Split : [])
            .Where(tile => tile.SharedBytes <= sharedBytes && tile.Takes(types) && (tile.Rows / 2 < rows || tile.Rows == Tiles[^1].Rows))
            .MinBy(tile => tile.Clocks(rows, outputs, inputs, layers, multiprocessors, sharedBytes))!;

    /// <summary>Whether it is for such operands.</summary>
    public bool Takes(MatmulTypes types) => types.AreBytes ? TakesBytes : TakesIntegers || !types.IsWidened;
}
