using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu;

/// <summary>Fast products on a card, where there is one: the oracle's over rows that are rounded as the card rounds them.</summary>
[Category("CUDA")]
internal sealed class FastProductsOnCudaTests
{
    /// <summary>Small integers, whose products with their scales are rounded as well; that alone is what the tolerance is for.</summary>
    [Test]
    public void SmallIntegersAgreeWithTheOracle([Values(8, 4)] int bits, [Values(8, 21, 130, 300)] int rows, [Values(72, 1032, 4104)] int inputs, [Values] bool zeros)
    {
        if (!IlgpuDevices.Enumerate().Any(d => d.Kind == IlgpuDeviceKind.Cuda && d.Problem is null))
            Assert.Inconclusive("no CUDA device on this machine");
        using IlgpuBackend device = IlgpuBackend.Create(IlgpuDeviceKind.Cuda, 0, new GpuOptions { Products = ProductPrecision.Fast });
        using var oracle = new ReferenceBackend();
        float[] actual = Run(device), expected = Run(oracle);
        double scale = Math.Sqrt(expected.Average(v => (double)v * v));
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(0.02 * scale), $"element {i}");

        float[] Run(IBackend backend)
        {
            using var bench = new Workbench(backend);
            Tensor given = bench.Random(1, rows, inputs);
            LinearParameters[] layers = [.. new[] { 2, 3, 4 }.Select(seed => new LinearParameters(bench.Quantized(seed, bits, 37, inputs, 24, zeros), bench.Random(5, 37)))];
            Tensor[] y = [.. layers.Select(_ => bench.Result(rows, 37))];
            backend.LinearGroup(given, layers, y);
            return [.. y.SelectMany(bench.Read)];
        }
    }

    [Test]
    public void LayersAndGroupsAgreeWithTheOracle([Values(DType.BF16, DType.F16)] DType type, [Values(2, 5, 8, 21, 130, 300)] int rows, [Values(72, 1032, 4104)] int inputs)
    {
        if (!IlgpuDevices.Enumerate().Any(d => d.Kind == IlgpuDeviceKind.Cuda && d.Problem is null))
            Assert.Inconclusive("no CUDA device on this machine");
        using IlgpuBackend device = IlgpuBackend.Create(IlgpuDeviceKind.Cuda, 0, new GpuOptions { Products = ProductPrecision.Fast });
        using var oracle = new ReferenceBackend();
        float[] actual = Run(device, rounded: false), expected = Run(oracle, rounded: true);
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(1e-4 + (1e-4 * Math.Abs(expected[i]))), $"element {i}");

        float[] Run(IBackend backend, bool rounded)
        {
            using var bench = new Workbench(backend);
            float[] x = Samples.Normal(1, rows, inputs);
            Tensor given = bench.Floats(rounded ? Array.ConvertAll(x, Rounded) : x, rows, inputs);
            LinearParameters[] layers = [.. new[] { 64, 37 }.Select(outputs => new LinearParameters(bench.Weight(outputs, type, outputs, inputs), bench.Random(3, outputs)))];
            Tensor[] y = [bench.Result(rows, 64), bench.Result(rows, 37)];
            backend.LinearGroup(given, layers, y);
            // Layers of one size are one launch.
            Tensor[] alike = [bench.Result(rows, 37), bench.Result(rows, 37), bench.Result(rows, 37)];
            LinearParameters other = new(bench.Weight(5, type, 37, inputs), bench.Random(6, 37));
            backend.LinearGroup(given, [layers[1], other, layers[1]], alike);
            Tensor sum = bench.Random(4, rows, 64);
            backend.Linear(given, layers[0], sum, Activation.Gelu, sum);
            return [.. bench.Read(y[0]), .. bench.Read(y[1]), .. alike.SelectMany(bench.Read), .. bench.Read(sum)];
        }

        float Rounded(float value) => type == DType.F16 ? (float)(Half)value
            : BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x7fff + ((BitConverter.SingleToUInt32Bits(value) >> 16) & 1)) & 0xffff0000);
    }
}
