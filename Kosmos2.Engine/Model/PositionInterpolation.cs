using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>
/// The vision encoder's learned positions for other picture sizes: the grid of patch positions resampled bicubically (a = -0.75, corners not
/// aligned, edges repeated, no antialiasing: PyTorch's <c>interpolate(mode="bicubic")</c>), the class token's row as it is.
/// </summary>
internal sealed class PositionInterpolation(IBackend backend, Func<float[]> learned, Kosmos2VisionConfig config) : IDisposable
{
    private const double A = -0.75;

    // Tables on the device: one of 32 x 32 patches has 4 MB, and pictures of one source have few sizes.
    private const int Kept = 4;

    // Waiting, since a pass that read the dropped table may have failed and not come to its end.
    private readonly LeastRecentlyUsed<(int Rows, int Columns), Tensor> _tables = new(Kept, _ => 1, table =>
    {
        backend.Synchronize();
        table.Dispose();
    });

    /// <summary>F32 [1 + rows * columns, hidden] on the backend. Valid until the next call.</summary>
    public Tensor For(int rows, int columns)
    {
        if (_tables.TryGet((rows, columns), out Tensor? table))
            return table;
        float[] values = Resample(rows, columns);
        // Patches are embedded before anything is recorded.
        table = backend.Fill(backend.AllocateUnrecorded(DType.F32, 1 + (rows * columns), config.HiddenSize), values);
        _tables.Add((rows, columns), table);
        return table;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_tables.DropOldest())
        {
        }
    }

    private float[] Resample(int rows, int columns)
    {
        int side = config.ImageSize / config.PatchSize, width = config.HiddenSize;
        float[] positions = learned();                                               // (1 + side * side, D), read when a picture first needs it
        var result = new float[(1 + (rows * columns)) * width];
        positions.AsSpan(0, width).CopyTo(result);
        Tap[] down = Taps(side, rows), across = Taps(side, columns);
        Span<double> sum = new double[width];
        for (int y = 0; y < rows; y++)
        {
            for (int x = 0; x < columns; x++)
            {
                sum.Clear();
                for (int tap = 0; tap < 16; tap++)
                {
                    int source = (1 + (down[y].Index(tap / 4, side) * side) + across[x].Index(tap % 4, side)) * width;
                    double weight = down[y].Weights[tap / 4] * across[x].Weights[tap % 4];
                    for (int i = 0; i < width; i++)
                        sum[i] += weight * positions[source + i];
                }
                Span<float> row = result.AsSpan((1 + (y * columns) + x) * width, width);
                for (int i = 0; i < width; i++)
                    row[i] = (float)sum[i];
            }
        }
        return result;
    }

    private static Tap[] Taps(int from, int to)
    {
        var taps = new Tap[to];
        for (int i = 0; i < to; i++)
        {
            double center = ((i + 0.5) * from / to) - 0.5;
            int first = (int)Math.Floor(center);
            double t = center - first;
            taps[i] = new Tap(first - 1, [Far(t + 1), Near(t), Near(1 - t), Far(2 - t)]);
        }
        return taps;
    }

    // The two pieces of the cubic convolution kernel (Keys, 1981): |x| <= 1 and 1 < |x| < 2.
    private static double Near(double x) => ((((A + 2) * x) - (A + 3)) * x * x) + 1;

    private static double Far(double x) => (((((A * x) - (5 * A)) * x) + (8 * A)) * x) - (4 * A);

    private readonly record struct Tap(int First, double[] Weights)
    {
        public int Index(int tap, int count) => Math.Clamp(First + tap, 0, count - 1);
    }
}
