using ILGPU;
using Kosmos2.Kernels.Gpu.Kernels;

namespace Kosmos2.Kernels.Gpu;

/// <summary>Linear layers over few rows, the norm before them in the same launch.</summary>
public sealed partial class IlgpuBackend
{
    private void FewRows(Tensor x, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, LayerNormParameters? norm)
    {
        var options = new LinearOptions(
            x.Rows, layer.Inputs, layer.Outputs, (int)activation, layer.Bias is null ? 0 : 1, residual is null ? 0 : 1, norm is null ? 0 : 1);
        NormViews views = OrSomeBuffer(norm, x);
        switch (layer.Weight.DType)
        {
            case DType.F32:
                Run(_floatWeights);
                break;
            case DType.F16:
                Run(_halfWeights);
                break;
            case DType.I8:
                Run(_int8Weights);
                break;
            case DType.I32:
                Run(_int4Weights);
                break;
            default:
                Run(_bfloat16Weights);
                break;
        }

        void Run<TWeight>(WeightLaunchers<TWeight> launchers)
            where TWeight : struct, IWeightView =>
            launchers.LinearRow(Launch(), FewRowGroups(layer.Outputs, x.Rows, 1), x.Floats(), views, launchers.Layer(layer, y), (residual ?? y).Floats(), options);
    }

    /// <summary>Query, key and value in one launch where their weights have one type; other groups layer by layer.</summary>
    private void FewRows(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm)
    {
        if (layers.Length != 3 || layers[0].Weight.DType != layers[1].Weight.DType || layers[0].Weight.DType != layers[2].Weight.DType)
        {
            for (int i = 0; i < layers.Length; i++)
                FewRows(x, layers[i], y[i], Activation.Identity, null, norm);
            return;
        }
        switch (layers[0].Weight.DType)
        {
            case DType.F32:
                ThreeLayers(_floatWeights, x, layers, y, norm);
                break;
            case DType.F16:
                ThreeLayers(_halfWeights, x, layers, y, norm);
                break;
            case DType.I8:
                ThreeLayers(_int8Weights, x, layers, y, norm);
                break;
            case DType.I32:
                ThreeLayers(_int4Weights, x, layers, y, norm);
                break;
            default:
                ThreeLayers(_bfloat16Weights, x, layers, y, norm);
                break;
        }
    }

    private void ThreeLayers<TWeight>(
        WeightLaunchers<TWeight> launchers, Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm)
        where TWeight : struct, IWeightView
    {
        int outputs = Math.Max(layers[0].Outputs, Math.Max(layers[1].Outputs, layers[2].Outputs));
        launchers.LinearThreeLayers(
            Launch(),
            FewRowGroups(outputs, x.Rows, 3),
            x.Floats(),
            OrSomeBuffer(norm, x),
            launchers.Layer(layers[0], y[0]),
            launchers.Layer(layers[1], y[1]),
            launchers.Layer(layers[2], y[2]),
            new LinearOptions(x.Rows, x.Width, outputs, (int)Activation.Identity, 0, 0, norm is null ? 0 : 1));
    }

    private static KernelConfig FewRowGroups(int outputs, int rows, int layers) =>
        (new Index3D(Groups(outputs, FewRowKernels.Outputs), rows, layers), new Index3D(IlgpuDevices.GroupSize, 1, 1));

    private static NormViews OrSomeBuffer(LayerNormParameters? norm, Tensor x) => norm is null ? new NormViews(x.Floats(), x.Floats(), 0) : Views(norm);
}
