namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// How attention is cut: a block has 64 queries of a head and walks through the keys 64 at a time. Of its eight warps four have 16 queries each and the first 32
/// keys of a tile, four the same queries and the other 32, so that twice as many threads bring keys and multiply; at the end both halves are added up.
/// </summary>
internal static class AttentionTile
{
    /// <summary>Queries of a block.</summary>
    public const int Queries = 64;

    /// <summary>Queries of a warp: the rows of <c>mma</c>.</summary>
    public const int WarpQueries = 16;

    /// <summary>Keys of a tile, and values.</summary>
    public const int Keys = 64;

    /// <summary>Keys of a tile that a warp has.</summary>
    public const int WarpKeys = 32;

    /// <summary>Keys that are multiplied at once: the inner size of <c>mma</c>.</summary>
    public const int Piece = 16;

    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    /// <summary>The largest head.</summary>
    public const int MostHeadSize = 64;

    /// <summary>Chunks of a row in shared memory, whatever the size of heads.</summary>
    public const int Chunks = 8;

    /// <summary>Bytes from a row to the next.</summary>
    public const int Pitch = Chunks * WarpMatrices.ChunkBytes;

    /// <summary>Where a tile's values begin, behind its keys.</summary>
    public const int Values = Keys * Pitch;

    /// <summary>Where what is added to its scores begins, a float for each key.</summary>
    public const int Biases = 2 * Values;

    /// <summary>Bytes of a tile.</summary>
    public const int StageBytes = Biases + (Keys * sizeof(float));

    /// <summary>Bytes of shared memory: one tile is computed with while the next is written.</summary>
    public const int SharedBytes = 2 * StageBytes;

    /// <summary>Sizes of heads that can be attended to: whole steps of 16 elements.</summary>
    public static IReadOnlyList<int> HeadSizes { get; } = [16, 32, 48, MostHeadSize];
}
