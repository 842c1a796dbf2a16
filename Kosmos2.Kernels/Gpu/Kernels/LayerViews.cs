using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>A layer's weight, its bias if <see cref="HasBias"/>, where its result goes, and its number of outputs.</summary>
internal readonly struct LayerViews<TWeight>(TWeight weight, ArrayView<float> bias, ArrayView<float> y, int outputs, int hasBias)
    where TWeight : struct, IWeightView
{
    public readonly TWeight Weight = weight;
    public readonly ArrayView<float> Bias = bias;
    public readonly ArrayView<float> Y = y;
    public readonly int Outputs = outputs;
    public readonly int HasBias = hasBias;

    /// <summary>Of three layers that one launch computes, the one of this group: that of its third index.</summary>
    public static LayerViews<TWeight> OfGroup(LayerViews<TWeight> first, LayerViews<TWeight> second, LayerViews<TWeight> third)
    {
        LayerViews<TWeight> layer = first;
        if (Grid.IdxZ == 1)
            layer = second;
        if (Grid.IdxZ == 2)
            layer = third;
        return layer;
    }

    /// <summary>The end of y[r, o] = activation(sum over i of x[r, i] W[o, i] + b[o]) + residual[r, o], with x [rows, in], W [out, in], y [rows, out].</summary>
    public void Store(float sum, int row, int output, ArrayView<float> residual, LinearOptions options)
    {
        if (HasBias != 0)
            sum += Bias[output];
        sum = DeviceActivation.Apply(options.Activation, sum);
        int index = (row * Outputs) + output;
        if (options.HasResidual != 0)
            sum += residual[index];
        Y[index] = sum;
    }
}
