namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Fast products of a CUDA device: rows rounded to the weight's 16 bits, or 8, multiplied by tensor cores, summed in F32. Kernels are compiled when first used.
/// </summary>
/// <param name="driver">The driver.</param>
/// <param name="target">What texts are written for.</param>
/// <param name="multiprocessors">Of the device.</param>
/// <param name="sharedBytes">The most shared memory that a block may have.</param>
/// <param name="clusters">Whether blocks may form clusters where the target has them.</param>
/// <param name="bytes">Whether rows may be rounded to 8 bits.</param>
internal sealed class TensorCoreProducts(CudaDriver driver, PtxTarget target, int multiprocessors, int sharedBytes, bool clusters = true, bool bytes = true) : IDisposable
{
    /// <summary>The smallest tile is mostly empty with so few, yet it reads W once; kernels for few rows read it once a row.</summary>
    public const int LeastRows = 2;

    /// <summary>For small integers: kernels for few rows read fewer bytes of them.</summary>
    public const int LeastIntegerRows = 8;

    /// <summary>Of an address that is read 16 bytes at a time.</summary>
    public const int Alignment = 16;

    // Which tile fits a shape is known after some hundred estimates.
    private readonly Dictionary<(int Rows, int Outputs, int Inputs, int Layers, MatmulTypes Types), MatmulTile> _tiles = [];
    private readonly Dictionary<(MatmulTile Tile, MatmulTypes Types), PtxKernel> _matmuls = [];
    private readonly Dictionary<DType, PtxKernel> _roundings = [];
    private bool _clusters = clusters && target.HasClusters;

    /// <summary>Rounds rows to bytes.</summary>
    public ByteRows Bytes { get; } = new(driver, target);

    /// <summary>Whether a product can be made here: enough rows, weights of 16 bits or of small integers with scales for whole chunks, whole chunks of 16 bytes.</summary>
    public static bool Takes(DType type, int rows, int inputs, ulong x, ulong w, int groupSize = MatmulTile.ChunkInputs) =>
        type is DType.BF16 or DType.F16 or DType.I8 or DType.I32
        && rows >= (((MatmulTypes)type).IsWidened ? LeastIntegerRows : LeastRows)
        && inputs % MatmulTile.ChunkInputs == 0 && groupSize % MatmulTile.ChunkInputs == 0 && (x | w) % Alignment == 0;

    /// <summary>As what integers are multiplied here: as bytes if they are of 8 bits, with one scale an output and no zero points, and the inputs are whole groups.</summary>
    public MatmulTypes TypesOf(DType type, int inputs, int groups, bool hasZeros) =>
        bytes && type == DType.I8 && inputs % ByteRowsText.GroupInputs == 0 && groups == 1 && !hasZeros ? MatmulTypes.Bytes : type;

    /// <summary>How this device cuts a product.</summary>
    public MatmulTile TileFor(MatmulTypes types, int rows, int outputs, int inputs, int layers = 1)
    {
        if (!_tiles.TryGetValue((rows, outputs, inputs, layers, types), out MatmulTile? tile))
        {
            tile = MatmulTile.For(rows, outputs, inputs / types.Packed, layers, multiprocessors, sharedBytes, _clusters, types);
            _tiles.Add((rows, outputs, inputs, layers, types), tile);
        }
        return tile;
    }

    /// <summary>Rounds rows to 16 bits.</summary>
    /// <param name="stream">The driver's stream.</param>
    /// <param name="type">BF16 or F16.</param>
    /// <param name="x">Where they are.</param>
    /// <param name="rounded">Where they go.</param>
    /// <param name="count">Elements, a multiple of 8.</param>
    public void Round(nint stream, DType type, ulong x, ulong rounded, long count)
    {
        if (!_roundings.TryGetValue(type, out PtxKernel? kernel))
            _roundings.Add(type, kernel = new PtxKernel(driver, RoundText.Name(type), RoundText.Write(type, target), RoundText.Threads, 0));
        int groups = checked((int)(count / RoundText.PerThread));
        kernel.Launch(stream, LaunchGrid.Groups(groups, RoundText.Threads), [x, rounded, (ulong)groups]);
    }

    /// <summary>y = activation(x W^T + b) + residual, with x [rows, in] rounded already.</summary>
    public void Multiply(nint stream, MatmulTypes types, ProductOperands at, int rows, int inputs, int outputs, Activation activation)
    {
        MatmulTile tile = TileFor(types, rows, outputs, inputs, at.Layers);
        PtxKernel kernel = Matmul(tile, types);
        if (!kernel.HasRoom)
        {
            _clusters = false;
            _tiles.Clear();
            tile = TileFor(types, rows, outputs, inputs, at.Layers);
            kernel = Matmul(tile, types);
        }
        at.Launch(kernel, stream, tile.Count(rows, outputs), tile.Splits, rows, inputs / types.Packed, outputs, activation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PtxKernel kernel in _matmuls.Values.Concat(_roundings.Values))
            kernel.Dispose();
        Bytes.Dispose();
    }

    private PtxKernel Matmul(MatmulTile tile, MatmulTypes types)
    {
        if (!_matmuls.TryGetValue((tile, types), out PtxKernel? kernel))
        {
            string name = MatmulText.Name(tile, types), text = MatmulText.Write(tile, types, target);
            _matmuls.Add((tile, types), kernel = new PtxKernel(driver, name, text, tile.Threads, tile.SharedBytes, tile.Splits));
        }
        return kernel;
    }
}
