namespace Kosmos2.Kernels.Reference;

/// <summary>
/// y[r, o] = activation(sum over i of norm(x)[r, i] W[o, i] + b[o]) + residual[r, o], with x [rows, in], W [out, in], y [rows, out].
/// </summary>
internal static class ReferenceLinear
{
    public static void Run(Tensor x, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, LayerNormParameters? norm)
    {
        int inputs = layer.Inputs;
        var input = new double[x.Rows * inputs];
        for (int r = 0; r < x.Rows; r++)
            ReferenceLayerNorm.Row(x.Row(r), norm, input.AsSpan(r * inputs, inputs));

        var weights = new double[inputs];
        for (int o = 0; o < layer.Outputs; o++)
        {
            ((ReferenceWeight)layer.Weight).ReadRow(o, weights);
            double bias = layer.Bias is null ? 0 : layer.Bias.AsSpan<float>()[o];
            for (int r = 0; r < x.Rows; r++)
            {
                double sum = 0;
                for (int i = 0; i < inputs; i++)
                    sum += input[(r * inputs) + i] * weights[i];
                double added = residual is null ? 0 : residual.Row(r)[o];
                y.Row(r)[o] = (float)(ReferenceActivation.Apply(activation, sum + bias) + added);
            }
        }
    }
}
