namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Rows rounded to bytes on a CUDA device. Kernels are compiled when first used.</summary>
internal sealed class ByteRows(CudaDriver driver, PtxTarget target) : IDisposable
{
    private PtxKernel? _round;
    private PtxKernel? _normalise;

    /// <summary>Whether rows can be normalised with such a weight and bias.</summary>
    public static bool Takes(ulong weight, ulong bias) => (weight | bias) % TensorCoreProducts.Alignment == 0;

    /// <summary>Rounds rows.</summary>
    /// <param name="stream">The driver's stream.</param>
    /// <param name="x">Where they are.</param>
    /// <param name="rounded">Where they go, <see cref="ByteRowsText.Size"/> bytes.</param>
    /// <param name="rows">How many.</param>
    /// <param name="inputs">Their length, a multiple of <see cref="ByteRowsText.GroupInputs"/>.</param>
    public void Round(nint stream, ulong x, ulong rounded, int rows, int inputs) =>
        (_round ??= Compile(norm: false)).Launch(stream, rows, [x, rounded, (ulong)rows, (ulong)(inputs / ByteRowsText.GroupInputs)]);

    /// <summary>The same for layer-normalised rows.</summary>
    /// <param name="stream">The driver's stream.</param>
    /// <param name="x">Where they are.</param>
    /// <param name="rounded">Where they go.</param>
    /// <param name="rows">How many.</param>
    /// <param name="inputs">Their length.</param>
    /// <param name="weight">[inputs].</param>
    /// <param name="bias">[inputs].</param>
    /// <param name="epsilon">Added to the variance.</param>
    public void Normalise(nint stream, ulong x, ulong rounded, int rows, int inputs, ulong weight, ulong bias, float epsilon) =>
        (_normalise ??= Compile(norm: true)).Launch(
            stream, rows, [x, rounded, (ulong)rows, (ulong)(inputs / ByteRowsText.GroupInputs), weight, bias, BitConverter.SingleToUInt32Bits(epsilon)]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _round?.Dispose();
        _normalise?.Dispose();
    }

    private PtxKernel Compile(bool norm) => new(driver, ByteRowsText.Name(norm), ByteRowsText.Write(norm, target), ByteRowsText.Threads, ByteRowsText.SharedBytes);
}
