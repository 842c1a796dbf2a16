using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Kernels.Gpu;

/// <summary>Products of many rows on CUDA devices, by kernels of our own text: on tensor cores where the options allow it, else in F32.</summary>
internal sealed partial class IlgpuBackend
{
    private readonly ExactProducts? _exactProducts;
    private readonly TensorCoreProducts? _fastProducts;
    private readonly TensorCoreAttention? _fastAttention;
    private DeviceStorage? _rounded;

    // The type in which the rounded rows are those of the operation that runs.
    private DType? _roundedAs;

    // None on OpenCL and on CUDA devices before compute capability 8.0.
    private static (ExactProducts? Exact, TensorCoreProducts? Fast, TensorCoreAttention? Attention) CreateProducts(Accelerator accelerator, GpuOptions options)
    {
        if (accelerator is not CudaAccelerator cuda)
            return default;
        (int major, int minor) = (cuda.Architecture.Major, cuda.Architecture.Minor);
        if ((10 * major) + minor < PtxTarget.LeastCapability)
            return default;
        CudaDriver driver = CudaDriver.Load();
        PtxTarget target = PtxTarget.For(major, minor);
        var exact = new ExactProducts(driver, target, cuda.NumMultiprocessors);
        if (options.Products != ProductPrecision.Fast)
            return (exact, null, null);
        var features = new CpuFeatures("");
        var fast = new TensorCoreProducts(driver, target, cuda.NumMultiprocessors, driver.MostSharedBytes(cuda.DeviceId), features.Clusters, features.Bytes);
        return (exact, fast, features.Attention ? new TensorCoreAttention(driver, target) : null);
    }

    /// <summary>Whether tensor cores are to have a layer, also if its rows are few.</summary>
    private bool IsForTensorCores(int rows, LinearParameters layer, ulong x = 0) => _fastProducts is not null && TensorCoreProducts.Takes(
        layer.Weight.DType, rows, layer.Inputs, x, Address((DeviceWeight)layer.Weight), (layer.Weight as DeviceIntegers)?.GroupSize ?? MatmulTile.ChunkInputs);

    private MatmulTypes TypesOf(LinearParameters layer) => _fastProducts is not null && layer.Weight is DeviceIntegers integers
        ? _fastProducts.TypesOf(integers.DType, layer.Inputs, integers.Groups, integers.HasZeros)
        : layer.Weight.DType;

    /// <summary>Linear layers over the same rows by one of those kernels, in one launch.</summary>
    /// <param name="x">[rows, in].</param>
    /// <param name="rows">Of x and y.</param>
    /// <param name="layers">W [out, in] and b of each.</param>
    /// <param name="y">[rows, out] of each.</param>
    /// <param name="activation">Applied before the residual.</param>
    /// <param name="residual">[rows, out], or null.</param>
    /// <param name="isRounded">Whether the rounded rows are x's already: those of the call before, or of <see cref="NormaliseToRounded"/>.</param>
    /// <returns>False where there is none for this device or these layers, and nothing was done.</returns>
    private bool WrittenLinear(
        ArrayView<float> x, int rows, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, Activation activation, Tensor? residual, bool isRounded)
    {
        if (!isRounded)
            _roundedAs = null;
        if (_exactProducts is null || layers.Length > ProductOperands.MostLayers)
            return false;
        (DType type, int inputs, int outputs) = (layers[0].Weight.DType, layers[0].Inputs, layers[0].Outputs);
        MatmulTypes types = TypesOf(layers[0]);
        var integers = layers[0].Weight as DeviceIntegers;
        bool fast = true;
        foreach (LinearParameters layer in layers)
        {
            if (TypesOf(layer) != types || layer.Outputs != outputs || (layer.Weight as DeviceIntegers)?.GroupSize != integers?.GroupSize)
                return false;
            fast &= IsForTensorCores(rows, layer, Address(x));
        }
        var operands = new ProductOperands(
            Address(x),
            Address(residual),
            Operands(layers[0], y[0]),
            layers.Length > 1 ? Operands(layers[1], y[1]) : default,
            layers.Length > 2 ? Operands(layers[2], y[2]) : default,
            integers?.GroupSize ?? 0,
            integers?.Groups ?? 0);
        using var current = _accelerator.BindScoped();
        nint stream = ((CudaStream)_queue).StreamPtr;
        if (fast)
        {
            ulong rounded = Rounded(stream, types.Rows, x, rows, inputs);
            Launch(Label(rows, layers, "TensorCoreProducts"), Bytes(layers));
            _fastProducts!.Multiply(stream, types, operands with { X = rounded }, rows, inputs, outputs, activation);
            return true;
        }
        if (!ExactProducts.Takes(type, rows, inputs, operands.X, operands.First.W | operands.Second.W | operands.Third.W))
            return false;
        Launch(Label(rows, layers, "ExactProducts"), Bytes(layers));
        _exactProducts.Multiply(stream, type, operands, rows, inputs, outputs, activation);
        return true;
    }

    private static ProductLayer Operands(LinearParameters layer, Tensor y)
    {
        var given = new ProductLayer(Address((DeviceWeight)layer.Weight), Address(layer.Bias), Address(y));
        return layer.Weight is DeviceIntegers { Scales: var scales, HasZeros: var hasZeros }
            ? given with { Scales = Address(scales.Scales), Zeros = hasZeros ? Address(scales.Zeros) : 0 }
            : given;
    }

    private ulong Rounded(nint stream, DType type, ArrayView<float> x, int rows, int inputs)
    {
        long bytes = RoundedBytes(type, rows, inputs);
        ulong rounded = Address(Grow(ref _rounded, bytes).View<byte>(0, bytes));
        if (_roundedAs != type)
        {
            Launch();
            if (type == DType.I8)
                _fastProducts!.Bytes.Round(stream, Address(x), rounded, rows, inputs);
            else
                _fastProducts!.Round(stream, type, Address(x), rounded, x.Length);
        }
        _roundedAs = type;
        return rounded;
    }

    /// <summary>Normalises rows straight into the 16 or 8 bits that tensor cores read, where all the layers behind the norm are theirs.</summary>
    /// <returns>False where that is not so, and nothing was done.</returns>
    private bool NormaliseToRounded(Tensor x, LayerNormParameters? norm, ReadOnlySpan<LinearParameters> layers)
    {
        if (norm is null || _fastProducts is null)
            return false;
        DType type = TypesOf(layers[0]).Rows;
        if (type == DType.I8 && !ByteRows.Takes(Address(norm.Weight), Address(norm.Bias)))
            return false;
        foreach (LinearParameters layer in layers)
        {
            if (TypesOf(layer).Rows != type || !IsForTensorCores(x.Rows, layer, Address(x)))
                return false;
        }
        long bytes = RoundedBytes(type, x.Rows, x.Width);
        ArrayView<byte> rounded = Grow(ref _rounded, bytes).View<byte>(0, bytes);
        if (type == DType.I8)
            NormaliseToBytes(x, norm, Address(rounded));
        else if (type == DType.F16)
            LayerNorm(x, norm, new HalfResult(rounded.Cast<ushort>()));
        else
            LayerNorm(x, norm, new BFloat16Result(rounded.Cast<ushort>()));
        _roundedAs = type;
        return true;
    }

    private void NormaliseToBytes(Tensor x, LayerNormParameters norm, ulong rounded)
    {
        using var current = _accelerator.BindScoped();
        Launch();
        _fastProducts!.Bytes.Normalise(
            ((CudaStream)_queue).StreamPtr, Address(x), rounded, x.Rows, x.Width, Address(norm.Weight), Address(norm.Bias), norm.Epsilon);
    }

    private static long RoundedBytes(DType type, int rows, int inputs) =>
        type == DType.I8 ? ByteRowsText.Size(rows, inputs) : (long)rows * inputs * sizeof(ushort);

    private static ulong Address(DeviceWeight weight) => Address(weight.Storage.View<byte>(0, weight.Storage.ByteLength));

    private static ulong Address(Tensor? tensor) => tensor is null ? 0 : Address(tensor.Floats());

    private static ulong Address<T>(ArrayView<T> view)
        where T : unmanaged => (ulong)view.LoadEffectiveAddressAsPtr();
}
