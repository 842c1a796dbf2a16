using Kosmos2.Weights;

namespace Kosmos2.Engine.Calibration;

/// <summary>Sums over the rows that a linear layer was given, from which their mean and covariance follow.</summary>
/// <param name="width">Inputs of the layer.</param>
internal sealed class InputMoments(int width)
{
    private readonly double[] _sums = new double[width];

    // For each block of n inputs [n, n]: sums of x[i] x[j].
    private readonly float[][] _products = [.. Enumerable.Range(0, InputStatistics.Blocks(width)).Select(b =>
        new float[InputStatistics.WidthOf(b, width) * InputStatistics.WidthOf(b, width)])];

    private long _rows;

    /// <summary>Takes rows.</summary>
    /// <param name="x">[rows, width].</param>
    public void Add(float[] x)
    {
        int rows = x.Length / width;
        _rows += rows;
        for (int i = 0; i < x.Length; i++)
            _sums[i % width] += x[i];
        Parallel.For(0, width, input =>
        {
            int block = input / InputStatistics.BlockSize, start = block * InputStatistics.BlockSize, n = InputStatistics.WidthOf(block, width);
            Span<float> sums = _products[block].AsSpan((input - start) * n, n);
            for (int row = 0; row < rows; row++)
                RowSums.Add(x[(row * width) + input], x.AsSpan((row * width) + start, n), sums);
        });
    }

    /// <summary>What the rows so far come to; there must be one.</summary>
    public InputStatistics Finish()
    {
        float[] mean = [.. _sums.Select(sum => (float)(sum / _rows))];
        return new InputStatistics(mean, [.. _products.Select((products, block) =>
        {
            int start = block * InputStatistics.BlockSize, n = InputStatistics.WidthOf(block, width);
            return products.Select((sum, i) => (float)((sum / _rows) - (_sums[start + (i / n)] / _rows * (_sums[start + (i % n)] / _rows)))).ToArray();
        })]);
    }
}
