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
    public void AttentionAgreesWithTheOracle([Values(16, 32, 48, 64)] int headSize, [Values(16, 64, 71, 257)] int queries, [Values(1, 33, 64, 257, 320)] int keys) =>
        Agrees((bench, backend) =>
        {
            Tensor y = bench.Result(2 * queries, 3 * headSize);
            Tensor Random(int seed, int rows) => bench.Random(seed, 2 * rows, 3 * headSize);
            backend.Attention(Random(1, queries), Random(2, keys), Random(3, keys), y, 2, 3, 1 / MathF.Sqrt(headSize));
            return bench.Read(y);
        });

    private static void Agrees(Func<Workbench, IBackend, float[]> program)
    {
        if (!IlgpuDevices.Enumerate().Any(d => d.Kind == IlgpuDeviceKind.Cuda && d.Problem is null))
            Assert.Inconclusive("no CUDA device on this machine");
        var profile = new KernelProfile();
        using IlgpuBackend device = IlgpuBackend.Create(IlgpuDeviceKind.Cuda, 0, new GpuOptions { Products = ProductPrecision.Fast, Profile = profile });
        using var oracle = new ReferenceBackend();
        profile.Begin();
        float[] actual = Run(device), expected = Run(oracle);
        Assert.That(profile.End().Select(time => time.Label.Name), Does.Contain(nameof(TensorCoreAttention)));
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(Tolerance), $"element {i}");

        float[] Run(IBackend backend)
        {
            using var bench = new Workbench(backend);
            return program(bench, backend);
        }
    }
}
