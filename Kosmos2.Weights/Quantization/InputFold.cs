using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// Inputs brought to one size around zero, x' = (x - mean) / factor, so that 8 bits with a scale for many of them serve all: what makes x takes this over,
/// and so does the layer, W' = W factor, b' = b + W mean. The model computes what it did.
/// </summary>
/// <remarks>
/// SmoothQuant (Xiao et al., 2022) with the mean taken off as well. A factor is the root of the input's standard deviation over the root mean square of its weights:
/// half of what inputs differ by goes into the weights, which are rounded too.
/// </remarks>
internal sealed class InputFold
{
    // Of what is usual: an input that hardly varies is not blown up without end.
    private const double Least = 0.02;

    private InputFold(float[] mean, float[] factors) => (Mean, Factors) = (mean, factors);

    /// <summary>[in].</summary>
    public float[] Mean { get; }

    /// <summary>[in]; their geometric mean is 1.</summary>
    public float[] Factors { get; }

    /// <summary>Finds factors for inputs that have been measured.</summary>
    /// <param name="inputs">What the layers are given.</param>
    /// <param name="weights">F32, F16 or BF16 [out, in], one for each layer.</param>
    public static InputFold Find(InputStatistics inputs, IEnumerable<Tensor> weights) =>
        Find([.. inputs.Mean], [.. Enumerable.Range(0, inputs.Mean.Count).Select(i => Math.Sqrt(Math.Max(inputs.Variance(i), 0)))], weights);

    /// <summary>Finds factors for what a normalisation makes, as far as its own parameters tell: about its bias, as wide as its weight.</summary>
    /// <param name="weight">The normalisation's weight, F32, F16 or BF16 [in].</param>
    /// <param name="bias">Its bias.</param>
    /// <param name="weights">As for the other.</param>
    public static InputFold Find(Tensor weight, Tensor bias, IEnumerable<Tensor> weights) =>
        Find(Floats.ToArray(bias), [.. Floats.ToArray(weight).Select(value => (double)Math.Abs(value))], weights);

    private static InputFold Find(float[] mean, double[] deviations, IEnumerable<Tensor> weights)
    {
        double[] sizes = [.. SquaresOfColumns(weights, deviations.Length).Select(Math.Sqrt)];
        AddLeast(deviations);
        AddLeast(sizes);
        double[] logs = [.. deviations.Zip(sizes, (deviation, size) => 0.5 * Math.Log(deviation / size))];
        double usual = logs.Average();
        return new InputFold(mean, [.. logs.Select(log => (float)Math.Exp(log - usual))]);
    }

    /// <summary>What the inputs become.</summary>
    public InputStatistics Apply(InputStatistics inputs) => new(new float[Mean.Length], [.. inputs.Covariance.Select((block, b) =>
    {
        int start = b * InputStatistics.BlockSize, n = InputStatistics.WidthOf(b, Mean.Length);
        return block.Select((value, i) => value / (Factors[start + (i / n)] * Factors[start + (i % n)])).ToArray();
    })]);

    private static double[] SquaresOfColumns(IEnumerable<Tensor> weights, int width)
    {
        var sums = new double[width];
        var row = new float[width];
        foreach (Tensor weight in weights)
        {
            for (int r = 0; r < weight.Shape.Rows; r++)
            {
                Floats.Widen(weight, (long)r * width, row);
                for (int i = 0; i < width; i++)
                    sums[i] += (double)row[i] * row[i];
            }
        }
        return sums;
    }

    private static void AddLeast(double[] values)
    {
        double usual = Math.Sqrt(values.Average(value => value * value)), added = usual > 0 ? Least * usual : 1;
        for (int i = 0; i < values.Length; i++)
            values[i] += added;
    }
}
