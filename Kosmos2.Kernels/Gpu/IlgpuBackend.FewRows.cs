using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Gpu.Profiling;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Kernels.Gpu;

/// <summary>Linear layers over few rows, the norm before them in the same launch.</summary>
internal sealed partial class IlgpuBackend
{
    private const int LeastWideGroup = 64;

    private readonly int _wideThreads;

    private void FewRows(Tensor x, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, LayerNormParameters? norm)
    {
        (KernelConfig groups, int groupOutputs) = FewRowGroups(layer.Outputs, x.Rows, 1);
        var options = new LinearOptions(x.Rows, layer.Inputs, (int)activation, residual is null ? 0 : 1, norm is null ? 0 : 1, groupOutputs);
        For(layer.Weight).Row(Launch(Label(x.Rows, [layer]), Bytes([layer])), groups, x, OrSomeBuffer(norm, x), layer, y, residual, options);
    }

    /// <summary>Query, key and value in one launch where their weights have one type; other groups layer by layer.</summary>
    private void FewRows(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm)
    {
        if (!AreThreeOfOneType(layers))
        {
            for (int i = 0; i < layers.Length; i++)
                FewRows(x, layers[i], y[i], Activation.Identity, null, norm);
            return;
        }
        (KernelConfig groups, int groupOutputs) = FewRowGroups(MostOutputs(layers), x.Rows, layers.Length);
        var options = new LinearOptions(x.Rows, x.Width, (int)Activation.Identity, 0, norm is null ? 0 : 1, groupOutputs);
        For(layers[0].Weight).ThreeLayers(Launch(Label(x.Rows, layers), Bytes(layers)), groups, x, OrSomeBuffer(norm, x), layers, y, options);
    }

    private static bool AreThreeOfOneType(ReadOnlySpan<LinearParameters> layers) =>
        layers.Length == 3 && layers[0].Weight.DType == layers[1].Weight.DType && layers[0].Weight.DType == layers[2].Weight.DType;

    private static int MostOutputs(ReadOnlySpan<LinearParameters> layers)
    {
        int most = 0;
        foreach (LinearParameters layer in layers)
            most = Math.Max(most, layer.Outputs);
        return most;
    }

    /// <summary>A product as a profile names it.</summary>
    private static KernelLabel Label(int rows, ReadOnlySpan<LinearParameters> layers, [CallerMemberName] string name = "")
    {
        int outputs = 0;
        foreach (LinearParameters layer in layers)
            outputs += layer.Outputs;
        return new KernelLabel(name, rows, outputs, layers[0].Inputs);
    }

    private static long Bytes(ReadOnlySpan<LinearParameters> layers)
    {
        long bytes = 0;
        foreach (LinearParameters layer in layers)
            bytes += ((DeviceWeight)layer.Weight).Storage.ByteLength;
        return bytes;
    }

    /// <summary>As many groups as run at once, one on each multiprocessor, and the outputs of each: more would only bring the row once more each.</summary>
    private (KernelConfig Groups, int GroupOutputs) FewRowGroups(int outputs, int rows, int layers)
    {
        int most = Math.Max(1, _accelerator.NumMultiprocessors / layers);
        int groupOutputs = LaunchGrid.Groups(outputs, most);
        return ((new Index3D(LaunchGrid.Groups(outputs, groupOutputs), rows, layers), new Index3D(Math.Min(_wideThreads, FewRowKernels.MostThreads), 1, 1)), groupOutputs);
    }

    /// <summary>Threads of a group of kernels that want many and take any power of two of them. A processor runs them one after another: there they only cost.</summary>
    private static int WideThreads(Accelerator accelerator) =>
        accelerator is CLAccelerator { Device: CLDevice device } && !device.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_GPU)
            ? LeastWideGroup
            : 1 << BitOperations.Log2((uint)accelerator.MaxNumThreadsPerGroup);

    private static NormViews OrSomeBuffer(LayerNormParameters? norm, Tensor x) => norm is null ? new NormViews(x.Floats(), x.Floats(), 0) : Views(norm);
}
