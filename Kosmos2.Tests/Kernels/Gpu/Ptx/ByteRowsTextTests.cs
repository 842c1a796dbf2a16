using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>Rows on their way into bytes, as they are and normalised.</summary>
internal sealed class ByteRowsTextTests
{
    private const float Epsilon = 1e-5f;

    /// <summary>Zeros stay zeros, halves go to even, the largest of a group is 127 or -127; what is not finite makes its group's results NaN.</summary>
    [Test]
    public void RowsBecomeBytes()
    {
        const int Rows = 3, Inputs = 256;
        float[] x = Samples.Normal(1, Rows, Inputs);
        x.AsSpan(0, 128).Clear();
        (x[128], x[129], x[130], x[131]) = (-12.7f, 0.25f, 0.15f, 0.35f);
        (x[256], x[384]) = (float.NaN, float.PositiveInfinity);
        (sbyte[] bytes, float[] scales) = Run(x, Rows, Inputs, norm: false);
        for (int i = 0; i < x.Length; i++)
        {
            float scale = scales[i / 128], largest = Largest(x, i);
            bool isFinite = x.AsSpan(i / 128 * 128, 128).ToArray().All(float.IsFinite);
            Assert.That(float.IsFinite(0 * scale), Is.EqualTo(isFinite), $"{i}");
            Assert.That(bytes[i], Is.EqualTo(isFinite && largest > 0 ? (sbyte)MathF.Round(x[i] * (127 / largest)) : (sbyte)0), $"{i}");
            if (isFinite)
                Assert.That(scale, Is.EqualTo(largest / 127));
        }
        Assert.That(bytes[128], Is.EqualTo(-127));
    }

    /// <summary>More and fewer groups than a block has warps.</summary>
    [Test]
    public void NormalisedRowsBecomeBytes([Values(128, 1024, 1152, 2176)] int inputs)
    {
        const int Rows = 3;
        float[] x = Array.ConvertAll(Samples.Normal(1, Rows, inputs), v => (3 * v) + 5);
        (sbyte[] bytes, float[] scales) = Run(x, Rows, inputs, norm: true);
        using var reference = new ReferenceBackend();
        using var bench = new Workbench(reference);
        Tensor y = bench.Result(Rows, inputs);
        reference.LayerNorm(bench.Floats(x, Rows, inputs), new LayerNormParameters(bench.Floats(Weight(inputs), inputs), bench.Floats(Bias(inputs), inputs), Epsilon), y);
        float[] expected = bench.Read(y);
        for (int i = 0; i < x.Length; i++)
        {
            Assert.That(scales[i / 128], Is.EqualTo(Largest(expected, i) / 127).Within(1e-6), $"{i}");
            Assert.That(bytes[i] * scales[i / 128], Is.EqualTo(expected[i]).Within(0.501 * scales[i / 128]), $"{i}");
        }
    }

    private static float[] Weight(int inputs) => Samples.Normal(2, inputs);

    private static float[] Bias(int inputs) => Samples.Normal(3, inputs);

    private static float Largest(float[] x, int i) => x[(i / 128 * 128)..((i / 128 * 128) + 128)].Max(Math.Abs);

    // Scales in the order of the rows.
    private static (sbyte[] Bytes, float[] Scales) Run(float[] x, int rows, int inputs, bool norm)
    {
        var memory = new PtxGlobalMemory();
        int groups = inputs / ByteRowsText.GroupInputs;
        ulong rounded = memory.Add(new byte[ByteRowsText.Size(rows, inputs)]);
        ulong[] arguments = [memory.Add(x), rounded, (ulong)rows, (ulong)groups];
        if (norm)
            arguments = [.. arguments, memory.Add(Weight(inputs)), memory.Add(Bias(inputs)), BitConverter.SingleToUInt32Bits(Epsilon)];
        new PtxMachine(PtxProgram.Parse(ByteRowsText.Write(norm, PtxTarget.Ampere)), memory, ByteRowsText.SharedBytes).Launch(rows, arguments);
        byte[] written = memory.Read<byte>(rounded);
        float[] scales = [.. Enumerable.Range(0, rows * groups).Select(i => BitConverter.ToSingle(written, (rows * inputs) + (4 * ((i % groups * rows) + (i / groups)))))];
        return (Array.ConvertAll(written[..(rows * inputs)], value => (sbyte)value), scales);
    }
}
