using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>Layers, what they are given, and how far rounding takes their outputs.</summary>
internal static class OutputErrors
{
    /// <summary>F32 [rows, width].</summary>
    public static Tensor Matrix(int rows, int width, int seed)
    {
        Tensor matrix = Tensor.OnHost(DType.F32, rows, width);
        var random = new Random(seed);
        foreach (ref float weight in matrix.AsSpan<float>())
            weight = (random.NextSingle() - 0.5f) * 0.2f;
        return matrix;
    }

    /// <summary>Inputs that are mixtures of a few causes, as a network's are, and some noise.</summary>
    public static InputStatistics Statistics(int width, int seed)
    {
        var random = new Random(seed);
        float[][] causes = [.. Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, width).Select(_ => random.NextSingle() - 0.5f).ToArray())];
        float[] mean = [.. Enumerable.Range(0, width).Select(_ => random.NextSingle() - 0.5f)];
        return new InputStatistics(mean, [.. Enumerable.Range(0, InputStatistics.Blocks(width)).Select(block =>
        {
            int start = block * InputStatistics.BlockSize, n = InputStatistics.WidthOf(block, width);
            return Enumerable.Range(0, n * n).Select(i => causes.Sum(c => c[start + (i / n)] * c[start + (i % n)]) + (i / n == i % n ? 0.01f : 0)).ToArray();
        })]);
    }

    /// <summary>With a tenth of a block's mean variance added to each.</summary>
    public static InputStatistics Damped(InputStatistics inputs) => new([.. inputs.Mean], [.. inputs.Covariance.Select(block =>
    {
        int n = (int)Math.Sqrt(block.Length);
        float added = Enumerable.Range(0, n).Average(i => block[i * (n + 1)]) * 0.1f;
        return block.Select((value, i) => i / n == i % n ? value + added : value).ToArray();
    })]);

    /// <summary>The sum over rows of e^T C e, where e is what rounding took from a row.</summary>
    public static double Of(Tensor matrix, QuantizedMatrix rounded, InputStatistics inputs)
    {
        int width = matrix.Shape.Width;
        var row = new float[width];
        double sum = 0;
        for (int r = 0; r < matrix.Shape.Rows; r++)
        {
            rounded.ReadRow(r, row);
            double[] error = [.. row.Select((q, i) => matrix.AsSpan<float>()[(r * width) + i] - (double)q)];
            for (int block = 0; block < inputs.Covariance.Count; block++)
            {
                int start = block * InputStatistics.BlockSize, n = InputStatistics.WidthOf(block, width);
                for (int i = 0; i < n * n; i++)
                    sum += error[start + (i / n)] * inputs.Covariance[block][i] * error[start + (i % n)];
            }
        }
        return sum;
    }
}
