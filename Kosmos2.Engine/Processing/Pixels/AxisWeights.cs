namespace Kosmos2.Engine.Processing;

/// <summary>
/// How each output position along one axis is made of source positions: a start, a count, and fixed-point weights, rounded as Pillow rounds
/// them for 8-bit pictures. Only the outputs <c>[first, first + count)</c> of <c>outSize</c> are described.
/// </summary>
internal sealed class AxisWeights
{
    /// <summary>Bits behind the point: 32, less 8 of a pixel and 2 to spare for sums that overshoot.</summary>
    public const int Precision = 22;

    private readonly int[] _weights;
    private readonly int[] _starts;
    private readonly int[] _counts;
    private readonly int _stride;

    /// <param name="filter">The filter.</param>
    /// <param name="inSize">Source pixels.</param>
    /// <param name="outSize">Output pixels of the whole picture.</param>
    /// <param name="first">First output described.</param>
    /// <param name="count">Outputs described.</param>
    public AxisWeights(ResampleFilter filter, int inSize, int outSize, int first, int count)
    {
        double scale = (double)inSize / outSize;
        double filterScale = Math.Max(scale, 1); // shrinking widens the filter, so that every source pixel counts
        double support = filter.Support * filterScale;
        _stride = (int)Math.Min((Math.Ceiling(support) * 2) + 1, inSize);
        _weights = new int[checked(count * _stride)];
        _starts = new int[count];
        _counts = new int[count];

        double[] exact = new double[_stride];
        for (int i = 0; i < count; i++)
        {
            double centre = (first + i + 0.5) * scale;
            int start = Math.Max((int)(centre - support + 0.5), 0);
            int taps = Math.Min((int)(centre + support + 0.5), inSize) - start;
            double sum = 0;
            for (int t = 0; t < taps; t++)
            {
                exact[t] = filter.Weight((t + start - centre + 0.5) * (1 / filterScale));
                sum += exact[t];
            }
            for (int t = 0; t < taps; t++)
                _weights[(i * _stride) + t] = ToFixedPoint(sum != 0 ? exact[t] / sum : exact[t]);
            _starts[i] = start;
            _counts[i] = taps;
        }
    }

    /// <summary>Outputs described.</summary>
    public int Count => _starts.Length;

    /// <summary>The largest number of weights of an output.</summary>
    public int MaxTaps => _stride;

    /// <summary>The first source position of an output.</summary>
    public int Start(int output) => _starts[output];

    /// <summary>An output's weights, for the source positions from its start on.</summary>
    public ReadOnlySpan<int> Weights(int output) => _weights.AsSpan(output * _stride, _counts[output]);

    /// <summary>Rounds half away from zero.</summary>
    private static int ToFixedPoint(double weight) => (int)((weight < 0 ? -0.5 : 0.5) + (weight * (1 << Precision)));
}
