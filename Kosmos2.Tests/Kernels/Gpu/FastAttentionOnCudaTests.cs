using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Profiling;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu;

/// <summary>Fast attention on a card, where there is one, against the oracle: queries, keys, values and weights are rounded to BF16 there.</summary>
[Category("CUDA")]
internal sealed class FastAttentionOnCudaTests
{
    // Scores of order 1 are off by some 2^-8, and so are weights; values and weights are rounded by up to 2^-9 of them.
    private const double Tolerance = 0.02;

    [Test]
    public void AttentionAgreesWithTheOracle([Values(16, 32, 48, 64)] int headSize) => Agrees(nameof(TensorCoreAttention), bench =>
    {
        var results = new List<float>();
        foreach ((int queries, int keys) in new[] { (16, 1), (64, 320), (71, 33), (129, 64), (257, 257) })
        {
            Tensor y = bench.Result(2 * queries, 3 * headSize);
            Tensor Random(int seed, int rows) => bench.Random(seed, 2 * rows, 3 * headSize);
            bench.Backend.Attention(Random(1, queries), Random(2, keys), Random(3, keys), y, 2, 3, 1 / MathF.Sqrt(headSize));
            results.AddRange(bench.Read(y));
        }
        return [.. results];
    });

    /// <summary>Prompts, the rest of one, and single rows in one step, with hidden keys.</summary>
    [Test]
    public void CachedAttentionAgreesWithTheOracle([Values(16, 32, 48, 64)] int headSize, [Values(CacheFormat.Float32, CacheFormat.BFloat16)] CacheFormat format) =>
        Agrees("TensorCoreCachedAttention", bench =>
        {
            KeyValueBlocks cache = bench.Cache(1, 3, headSize, 40, format);
            int[] a = [7, 2, 11, 30, 4, 1], b = [5, 0], c = [9, 3, 15], d = [20, 21, 22];
            return
            [
                .. Step(bench, cache, 10, new SequenceRows(a, 20, 20), new SequenceRows(b, 7, 7), new SequenceRows(d, 40, 40, p => p >= 18)),
                .. Step(bench, cache, 20, new SequenceRows(a, 91, 71), new SequenceRows(b, 8, 1), new SequenceRows(c, 37, 37, _ => false), new SequenceRows(d, 41, 1, p => p >= 18)),
            ];
        });

    private static float[] Step(Workbench bench, KeyValueBlocks cache, int seed, params ReadOnlySpan<SequenceRows> sequences)
    {
        int rows = bench.Begin(Steps.Of(sequences)).RowCount, width = cache.Heads * cache.HeadSize;
        Tensor y = bench.Result(rows, width);
        bench.Backend.AppendKeyValues(bench.Random(seed, rows, width), bench.Random(seed + 1, rows, width), cache, 0);
        bench.Backend.CachedAttention(bench.Random(seed + 2, rows, width), cache, 0, 1 / MathF.Sqrt(cache.HeadSize), y);
        bench.Backend.EndStep();
        return bench.Read(y);
    }

    private static void Agrees(string kernel, Func<Workbench, float[]> program)
    {
        if (!IlgpuDevices.Enumerate().Any(d => d.Kind == IlgpuDeviceKind.Cuda && d.Problem is null))
            Assert.Inconclusive("no CUDA device on this machine");
        var profile = new KernelProfile();
        using IlgpuBackend device = IlgpuBackend.Create(IlgpuDeviceKind.Cuda, 0, new GpuOptions { Products = ProductPrecision.Fast, Profile = profile });
        using var oracle = new ReferenceBackend();
        profile.Begin();
        float[] actual = Run(device), expected = Run(oracle);
        Assert.That(profile.End().Select(time => time.Label.Name), Does.Contain(kernel));
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(Tolerance), $"element {i}");

        float[] Run(IBackend backend)
        {
            using var bench = new Workbench(backend);
            return program(bench);
        }
    }
}
