namespace Kosmos2.Kernels.Reference;

/// <summary>y[r, i] = (x[r, i] - mean of x[r]) / sqrt(variance of x[r] + epsilon) * weight[i] + bias[i], with the variance over width (biased).</summary>
internal static class ReferenceLayerNorm
{
    public static void Run(Tensor x, LayerNormParameters norm, Tensor y)
    {
        var row = new double[x.Width];
        for (int r = 0; r < x.Rows; r++)
        {
            Row(x.Row(r), norm, row);
            for (int i = 0; i < row.Length; i++)
                y.Row(r)[i] = (float)row[i];
        }
    }

    /// <summary>One row; without a norm, only widened.</summary>
    public static void Row(ReadOnlySpan<float> x, LayerNormParameters? norm, Span<double> y)
    {
        double mean = 0;
        foreach (float value in x)
            mean += value;
        mean /= x.Length;

        double variance = 0;
        foreach (float value in x)
            variance += (value - mean) * (value - mean);
        variance /= x.Length;

        for (int i = 0; i < x.Length; i++)
        {
            y[i] = norm is null
                ? x[i]
                : (((x[i] - mean) / Math.Sqrt(variance + norm.Epsilon) * norm.Weight.AsSpan<float>()[i]) + norm.Bias.AsSpan<float>()[i]);
        }
    }
}
