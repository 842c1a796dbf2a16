using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>A row's result is the same, bit for bit, whatever runs beside it, on any number of threads, and whether kernels are compiled or assembled.</summary>
public sealed class InvarianceTests
{
    private static readonly InstructionSet[] Sets =
        [.. new[] { InstructionSet.Vector512, InstructionSet.Vector256, InstructionSet.Vector128, InstructionSet.Scalar }.Where(CpuFeatures.IsSupported)];

    [Test]
    public void LinearRowsDoNotDependOnTheirNeighbours([ValueSource(nameof(Sets))] InstructionSet set)
    {
        const int Inputs = 301;
        float[] whole = Linear(Options(set, 1), 65, 0, Inputs);
        foreach (int threads in (int[])[1, 2])
        {
            foreach ((int rows, int first) in new[] { (1, 0), (1, 64), (2, 13), (7, 40), (12, 1), (13, 52), (16, 3), (65, 0) })
            {
                float[] part = Linear(Options(set, threads), rows, first, Inputs);
                Assert.That(Bits(part), Is.EqualTo(Bits(whole.AsSpan(first * 45, rows * 45))), $"{rows} rows from {first}, {threads} threads");
            }
        }
    }

    /// <summary>Few rows are multiplied with a mapped weight square by square, more by packing it; 37 inputs and 45 outputs leave edges both ways.</summary>
    [Test]
    public void FewRowsOfAMappedWeightGiveWhatManyGive(
        [ValueSource(nameof(Sets))] InstructionSet set, [Values(DType.F32, DType.F16, DType.BF16)] DType type, [Values(1, 2, 3, 4, 5)] int rows)
    {
        foreach (int inputs in (int[])[1, 16, 37, 130, 301])
        {
            float[] whole = Linear(Options(set, 1), 65, 0, inputs, type);
            float[] part = Linear(Options(set, 2), rows, 9, inputs, type);
            Assert.That(Bits(part), Is.EqualTo(Bits(whole.AsSpan(9 * 45, rows * 45))), $"{inputs} inputs");
        }
    }

    [Test]
    public void LinearDoesNotDependOnPassesOverTheRows()
    {
        // More rows than one pass takes.
        float[] many = Linear(Options(InstructionSet.Auto, 2), 1100, 0, 33);
        float[] few = Linear(Options(InstructionSet.Auto, 1), 9, 1090, 33);
        Assert.That(Bits(few), Is.EqualTo(Bits(many.AsSpan(1090 * 45, 9 * 45))));
    }

    /// <summary>Packed twice: the second product reads the panels that the first has written.</summary>
    [Test]
    public void PackedWeightsGiveWhatMappedOnesGive(
        [ValueSource(nameof(Sets))] InstructionSet set, [Values(DType.F32, DType.F16, DType.BF16)] DType type, [Values(1, 7, 37)] int rows)
    {
        foreach (int inputs in (int[])[1, 130, 301])
        {
            float[] mapped = Linear(Options(set, 1), rows, 0, inputs, type);
            float[] packed = Linear(Options(set, 2) with { Weights = WeightResidency.Packed }, rows, 0, inputs, type, times: 2);
            Assert.That(Bits(packed), Is.EqualTo(Bits(mapped)), $"{inputs} inputs");
        }
    }

    /// <summary>
    /// Few rows take several packed panels at once, and one by one those that are left; 301 outputs are more than four panels a thread and an edge. More ask for the
    /// next block in one, two or more tiles of rows.
    /// </summary>
    [Test]
    public void FewRowsOfAPackedWeightGiveWhatManyGive(
        [ValueSource(nameof(Sets))] InstructionSet set, [Values(DType.F32, DType.F16, DType.BF16)] DType type, [Values(1, 2, 3, 4, 5, 6, 7, 29)] int rows)
    {
        const int Outputs = 301;
        foreach (int inputs in (int[])[1, 37, 301])
        {
            float[] whole = Linear(Options(set, 1), 65, 0, inputs, type, outputs: Outputs);
            foreach (int threads in (int[])[1, 2])
            {
                float[] part = Linear(Options(set, threads) with { Weights = WeightResidency.Packed }, rows, 9, inputs, type, times: 2, Outputs);
                Assert.That(Bits(part), Is.EqualTo(Bits(whole.AsSpan(9 * Outputs, rows * Outputs))), $"{inputs} inputs, {threads} threads");
            }
        }
    }

    /// <summary>As for floats: one row takes four packed panels of integers at once.</summary>
    [Test]
    public void FewRowsOfPackedIntegersGiveWhatManyGive([ValueSource(nameof(Sets))] InstructionSet set, [Values(8, 4)] int bits, [Values(1, 2)] int threads)
    {
        const int Outputs = 301;
        foreach (int inputs in (int[])[37, 128, 700])
        {
            using var backend = new CpuBackend(Options(set, threads) with { Weights = WeightResidency.Packed, Products = ProductPrecision.Fast });
            using var bench = new Workbench(backend);
            Tensor x = bench.Random(1, 17, inputs);
            var layer = new LinearParameters(bench.Quantized(2, bits, Outputs, inputs, bits == 8 ? 0 : 32), bench.Random(3, Outputs));
            Tensor many = bench.Result(17, Outputs);
            backend.Linear(x, layer, many);
            foreach (int rows in (int[])[1, 2, 5])
            {
                Tensor few = bench.Result(rows, Outputs);
                backend.Linear(x.SliceRows(9, rows), layer, few);
                Assert.That(Bits(bench.Read(few)), Is.EqualTo(Bits(bench.Read(many).AsSpan(9 * Outputs, rows * Outputs))), $"{rows} rows, {inputs} inputs");
            }
        }
    }

    [Test]
    public void AssembledKernelsEqualTheCompiledOnes([Values(InstructionSet.Vector256, InstructionSet.Vector512)] InstructionSet set)
    {
        if (!CpuFeatures.IsSupported(set))
            Assert.Inconclusive("not run: this machine has no such vectors");
        CpuOptions assembled = Options(set, 1);
        for (int rows = 1; rows <= 25; rows++)
        {
            foreach (int inputs in (int[])[1, 3, 4, 130, 301])
            {
                float[] expected = Linear(assembled with { Disable = "assembler" }, rows, 0, inputs);
                Assert.That(Bits(Linear(assembled, rows, 0, inputs)), Is.EqualTo(Bits(expected)), $"{rows} rows, {inputs} inputs");
            }
        }
    }

    [Test]
    public void TheNormalisedProductIsTheProductOfTheNormalised([ValueSource(nameof(Sets))] InstructionSet set)
    {
        using var backend = new CpuBackend(Options(set, 1));
        using var bench = new Workbench(backend);
        Tensor x = bench.Random(1, 14, 67);
        LayerNormParameters norm = bench.Norm(2, 67);
        var layer = new LinearParameters(bench.Weight(4, DType.F32, 21, 67), bench.Random(5, 21));
        Tensor fused = bench.Result(14, 21);
        Tensor normalised = bench.Result(14, 67);
        Tensor apart = bench.Result(14, 21);
        backend.Linear(x, layer, fused, Activation.Gelu, norm: norm);
        backend.LayerNorm(x, norm, normalised);
        backend.Linear(normalised, layer, apart, Activation.Gelu);
        Assert.That(Bits(bench.Read(fused)), Is.EqualTo(Bits(bench.Read(apart))));
    }

    [Test]
    public void AttentionRowsDoNotDependOnTheirNeighbours([ValueSource(nameof(Sets))] InstructionSet set)
    {
        const int Heads = 3;
        const int Keys = 150;
        float[] whole = Attention(set, 2, 110, 0);
        foreach ((int queries, int first) in new[] { (1, 0), (1, 109), (2, 50), (7, 95), (16, 30), (65, 2) })
        {
            float[] part = Attention(set, 1, queries, first);
            Assert.That(Bits(part), Is.EqualTo(Bits(whole.AsSpan(first * Heads * 11, queries * Heads * 11))), $"{queries} queries from {first}");
        }

        static float[] Attention(InstructionSet set, int threads, int queries, int first)
        {
            using var backend = new CpuBackend(Options(set, threads));
            using var bench = new Workbench(backend);
            Tensor q = bench.Random(1, 110, Heads * 11).SliceRows(first, queries);
            Tensor y = bench.Result(queries, Heads * 11);
            backend.Attention(q, bench.Random(2, Keys, Heads * 11), bench.Random(3, Keys, Heads * 11), y, 1, Heads, 0.3f);
            return bench.Read(y);
        }
    }

    /// <summary>A prompt at once, in pieces, and token by token.</summary>
    [Test]
    public void CachedAttentionDoesNotDependOnHowThePromptIsCut([ValueSource(nameof(Sets))] InstructionSet set, [Values] CacheFormat format)
    {
        float[] atOnce = CachedPrompt.Run(Options(set, 2), 70, format);
        foreach (int piece in (int[])[1, 7, 16, 65])
            Assert.That(Bits(CachedPrompt.Run(Options(set, 1), piece, format)), Is.EqualTo(Bits(atOnce)), $"pieces of {piece}");
    }

    private static CpuOptions Options(InstructionSet set, int threads) => new() { InstructionSet = set, Threads = threads };

    // Rows first .. first + rows of a fixed input through a layer of 45 outputs.
    private static float[] Linear(CpuOptions options, int rows, int first, int inputs, DType type = DType.F32, int times = 1, int outputs = 45)
    {
        using var backend = new CpuBackend(options);
        using var bench = new Workbench(backend);
        Tensor x = bench.Random(1, Math.Max(first + rows, 65), inputs).SliceRows(first, rows);
        var layer = new LinearParameters(bench.Weight(2, type, outputs, inputs), bench.Random(3, outputs));
        Tensor y = bench.Result(rows, outputs);
        for (int time = 0; time < times; time++)
            backend.Linear(x, layer, y, Activation.Gelu);
        return bench.Read(y);
    }

    private static int[] Bits(ReadOnlySpan<float> values)
    {
        var bits = new int[values.Length];
        for (int i = 0; i < bits.Length; i++)
            bits[i] = BitConverter.SingleToInt32Bits(values[i]);
        return bits;
    }
}
