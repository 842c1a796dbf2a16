using System.Diagnostics;

namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>A product's best time beside the least that the machine's limits allow, as far as they have been measured.</summary>
/// <param name="Form">Its weight.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Seconds">Best time.</param>
/// <param name="Limits">The limits.</param>
/// <param name="SingleSeconds">Best time on one thread, in turns with it; null where it was not measured.</param>
internal sealed record ProductShare(ProductForm Form, ProductShape Shape, double Seconds, IMachineLimits Limits, double? SingleSeconds = null)
{
    /// <summary>Bytes of the weight that are read.</summary>
    public double Bytes => Form.ReadBytes(Shape.Outputs, Shape.Inputs);

    /// <summary>Whether reading the weight once takes longer than the arithmetic.</summary>
    public bool IsReading => Reading > Arithmetic;

    /// <summary>1 where the machine can do no more.</summary>
    public double Share => Math.Max(Reading, Arithmetic) / Seconds;

    /// <summary>The share that is stated; null where none is.</summary>
    public double? Stated => StatedShares.Of(Limits.Assembled, Form, Shape.Rows);

    /// <summary>How many times as fast as one thread; null where that was not measured.</summary>
    public double? Speedup => SingleSeconds / Seconds;

    /// <summary>Whether the product was faster than the limits allow: then one of them, or its time, is wrong.</summary>
    public bool IsImpossible => ShareRule.IsImpossible(Share);

    /// <summary>Whether the kernel is slower than other programs can make it.</summary>
    public bool IsTooSlow => ShareRule.IsTooSlow(Share, Stated);

    private double Reading => Bytes / Limits.Bandwidth;

    private double Arithmetic => Shape.Operations / Form.Peak(Limits);
}

/// <summary>
/// Times products in turns with the machine's limits. Weights are cold: a product's turn takes the next of many, which together are far larger than a last-level
/// cache. Each product is timed by itself, since what else the machine does is more likely to spare a millisecond than a second.
/// </summary>
internal sealed class ProductRoofline : IDisposable
{
    /// <summary>Bytes of all weights of one form and shape: as many as reading is measured over, since a server's last-level cache holds half of that.</summary>
    private const long ColdBytes = MachinePeaks.StreamBytes;

    private const int Misalignment = 8;
    private const double TurnSeconds = 0.005;
    // From here on arithmetic is the limit, and threads should not be in each other's way.
    private const int RowsForThreads = 65;

    private readonly MachinePeaks _peaks;
    private readonly HostStorage _memory;

    /// <summary>Reserves the weights.</summary>
    /// <param name="peaks">The limits, which are measured on.</param>
    /// <param name="shapes">All shapes that will be asked for.</param>
    public ProductRoofline(MachinePeaks peaks, IEnumerable<ProductShape> shapes)
    {
        _peaks = peaks;
        long largest = shapes.Max(shape => 4L * shape.Outputs * shape.Inputs);
        _memory = new HostStorage(Math.Max(largest, ColdBytes) + Misalignment);
        // Ones, whatever type they are read as: 1.0 in BF16, 1.0019 in F32, 1.875 in F16, small in integers. Their values cost no kernel any time.
        using var all = new Tensor(_memory, DType.BF16, new Shape(_memory.ByteLength / 2), 0);
        all.AsSpan<ushort>().Fill(0x3F80);
    }

    /// <summary>Measures the products of a form with a weight of one size, by number of rows.</summary>
    /// <param name="form">The form.</param>
    /// <param name="outputs">Rows of the weight.</param>
    /// <param name="inputs">Its width.</param>
    /// <param name="rows">Rows of x, each.</param>
    /// <param name="turns">Turns of every product and of the limits; the best of each counts.</param>
    /// <param name="cancellation">Looked at once a turn.</param>
    public ProductShare[] Measure(ProductForm form, int outputs, int inputs, int[] rows, int turns, CancellationToken cancellation)
    {
        CpuOptions options = _peaks.Options with { Weights = form.Residency, Products = form.Precision };
        using var backend = new CpuBackend(options);
        using CpuBackend? single = _peaks.Threads > 1 ? new CpuBackend(options with { Threads = 1 }) : null;
        long bytes = form.StoredBytes(outputs, inputs);
        int count = (int)Math.Max(1, ColdBytes / bytes);
        LinearParameters[] weights =
        [
            .. Enumerable.Range(0, count).Select(i => new LinearParameters(
                form.Prepare(backend, _memory, Misalignment + (i * bytes), outputs, inputs), null)),
        ];
        using Tensor x = backend.Allocate(DType.F32, rows.Max(), inputs);
        using Tensor y = backend.Allocate(DType.F32, rows.Max(), outputs);
        x.AsSpan<float>().Fill(1);
        double[] best = [.. rows.Select(_ => double.PositiveInfinity)];
        double?[] bestSingle = [.. rows.Select(row => single is not null && row >= RowsForThreads ? double.PositiveInfinity : (double?)null)];
        // Packs them all, where they are packed.
        foreach (LinearParameters weight in weights)
            backend.Linear(x.SliceRows(0, 1), weight, y.SliceRows(0, 1));
        int next = 0;
        for (int turn = 0; turn < turns; turn++)
        {
            cancellation.ThrowIfCancellationRequested();
            _peaks.Measure();
            for (int i = 0; i < rows.Length; i++)
            {
                best[i] = Math.Min(best[i], Turn(backend, rows[i]));
                if (single is not null && bestSingle[i] is double one)
                    bestSingle[i] = Math.Min(one, Turn(single, rows[i]));
            }
        }
        foreach (LinearParameters weight in weights)
            weight.Weight.Dispose();
        return [.. rows.Select((row, i) => new ProductShare(form, new ProductShape(row, outputs, inputs), best[i], _peaks, bestSingle[i]))];

        double Turn(CpuBackend on, int row)
        {
            Tensor from = x.SliceRows(0, row), to = y.SliceRows(0, row);
            double seconds = double.PositiveInfinity;
            long start = Stopwatch.GetTimestamp();
            do
            {
                long began = Stopwatch.GetTimestamp();
                on.Linear(from, weights[next++ % count], to);
                seconds = Math.Min(seconds, Stopwatch.GetElapsedTime(began).TotalSeconds);
            }
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < TurnSeconds);
            return seconds;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
