using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Sizes and options of one linear layer, and of few rows' how many outputs a group has.</summary>
internal readonly record struct LinearOptions(
    int Rows, int Inputs, int Outputs, int Activation, int HasBias, int HasResidual, int HasNorm = 0, int GroupOutputs = 0);

/// <summary>The end of y[r, o] = activation(sum over i of x[r, i] W[o, i] + b[o]) + residual[r, o], with x [rows, in], W [out, in], y [rows, out].</summary>
internal static class LinearKernels
{
    internal static void Store(
        float sum, int row, int output, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, LinearOptions options)
    {
        if (options.HasBias != 0)
            sum += bias[output];
        sum = DeviceActivation.Apply(options.Activation, sum);
        int index = (row * options.Outputs) + output;
        if (options.HasResidual != 0)
            sum += residual[index];
        y[index] = sum;
    }
}
