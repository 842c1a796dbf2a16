using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Kernels.Gpu;

/// <summary>Products on tensor cores, where there are any and the options allow them.</summary>
public sealed partial class IlgpuBackend
{
    private readonly TensorCoreProducts? _products;
    private DeviceStorage? _rounded;

    // The type in which the rounded rows are those of the operation that runs.
    private DType? _roundedAs;

    private TensorCoreProducts? CreateProducts(GpuOptions options)
    {
        if (options.Products != ProductPrecision.Fast || _accelerator is not CudaAccelerator cuda)
            return null;
        (int major, int minor) = (cuda.Architecture.Major, cuda.Architecture.Minor);
        if ((10 * major) + minor < PtxTarget.LeastCapability)
            return null;
        CudaDriver driver = CudaDriver.Load();
        return new TensorCoreProducts(driver, PtxTarget.For(major, minor), cuda.NumMultiprocessors, driver.MostSharedBytes(cuda.DeviceId));
    }

    /// <summary>A linear layer on tensor cores.</summary>
    /// <param name="x">[rows, in].</param>
    /// <param name="rows">Of x and y.</param>
    /// <param name="layer">W [out, in] and b.</param>
    /// <param name="y">[rows, out].</param>
    /// <param name="activation">Applied before the residual.</param>
    /// <param name="residual">[rows, out], or null.</param>
    /// <param name="sameRows">Whether x is that of the call before, whose rounded rows then serve again.</param>
    /// <returns>False where this device or this layer has none, and nothing was done.</returns>
    private bool TensorCoreLinear(
        ArrayView<float> x, int rows, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, bool sameRows = false)
    {
        if (!sameRows)
            _roundedAs = null;
        if (_products is null)
            return false;
        var weight = (DeviceWeight)layer.Weight;
        ulong given = Address(x), w = Address(weight.Storage.View<byte>(0, weight.Storage.ByteLength));
        if (!TensorCoreProducts.Takes(weight.DType, rows, layer.Inputs, given, w))
            return false;
        long bytes = TensorCoreProducts.ScratchBytes(rows, layer.Inputs);
        ulong rounded = Address(Grow(ref _rounded, bytes).View<byte>(0, bytes));
        using var current = _accelerator.BindScoped();
        nint stream = ((CudaStream)Queue).StreamPtr;
        if (_roundedAs != weight.DType)
            _products.Round(stream, weight.DType, given, rounded, x.Length);
        _roundedAs = weight.DType;
        var operands = new ProductOperands(rounded, w, Address(layer.Bias), Address(residual), Address(y));
        _products.Multiply(stream, weight.DType, operands, rows, layer.Inputs, layer.Outputs, activation);
        return true;
    }

    private static ulong Address(Tensor? tensor) => tensor is null ? 0 : Address(tensor.Floats());

    private static ulong Address<T>(ArrayView<T> view)
        where T : unmanaged => (ulong)view.LoadEffectiveAddressAsPtr();
}
