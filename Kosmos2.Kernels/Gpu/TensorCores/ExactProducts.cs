namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Exact products of a CUDA device, for many rows: in F32, whatever the weight's type. Kernels are compiled when first used.</summary>
/// <param name="driver">The driver.</param>
/// <param name="target">What texts are written for.</param>
/// <param name="multiprocessors">Of the device.</param>
internal sealed class ExactProducts(CudaDriver driver, PtxTarget target, int multiprocessors) : IDisposable
{
    /// <summary>Fewer rows leave most of a tile empty.</summary>
    public const int LeastRows = 16;

    // So that the rows of a tile lie within 32 bits.
    private const int MostInputs = 1 << 22;

    private readonly Dictionary<(FloatTile Tile, DType Type), PtxKernel> _kernels = [];

    /// <summary>Whether a product can be made here: enough rows, and groups of four inputs at addresses that can be read at once.</summary>
    public static bool Takes(DType type, int rows, int inputs, ulong x, ulong w) =>
        type is DType.F32 or DType.BF16 or DType.F16 && rows >= LeastRows && inputs is > 0 and <= MostInputs && inputs % FloatTile.Quad == 0 && x % 16 == 0
        && w % (ulong)(FloatTile.Quad * type.SizeInBytes()) == 0;

    /// <summary>How this device cuts a product.</summary>
    public FloatTile TileFor(int rows, int outputs, int layers = 1) => FloatTile.For(rows, layers * outputs, multiprocessors);

    /// <summary>y = activation(x W^T + b) + residual.</summary>
    public void Multiply(nint stream, DType type, ProductOperands at, int rows, int inputs, int outputs, Activation activation) =>
        Multiply(TileFor(rows, outputs, at.Layers), stream, type, at, rows, inputs, outputs, activation);

    /// <summary>The same, cut as told.</summary>
    public void Multiply(FloatTile tile, nint stream, DType type, ProductOperands at, int rows, int inputs, int outputs, Activation activation)
    {
        if (!_kernels.TryGetValue((tile, type), out PtxKernel? kernel))
        {
            string name = FloatMatmulText.Name(tile, type), text = FloatMatmulText.Write(tile, type, target);
            _kernels.Add((tile, type), kernel = new PtxKernel(driver, name, text, tile.Threads, tile.SharedBytes));
        }
        at.Launch(kernel, stream, tile.Blocks(rows, outputs), 1, rows, inputs, outputs, activation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PtxKernel kernel in _kernels.Values)
            kernel.Dispose();
    }
}
