using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>
/// Products of bfloat16, 8-bit and 4-bit weights with rows of their own precision are the oracle's products with those rows: rounding the rows, and the scales of
/// 4-bit weights, is all that they change.
/// </summary>
internal sealed class FastProductTests
{
    private static readonly CpuOptions Fast = new() { Products = ProductPrecision.Fast, Weights = WeightResidency.Packed, Threads = 2, SlowKernels = true };

    private static readonly Format[] AllFormats = [new("BF16", 16, 0), new("INT8", 8, 0), new("INT4", 4, 0), new("INT4", 4, 32), new("INT4", 4, 64), new("INT4", 4, 128)];

    private static IEnumerable<Format> Formats => AllFormats.Where(format => format.Runs);

    private static IEnumerable<Format> IntegerFormats => AllFormats.Where(format => format.Bits < 16);

    /// <summary>127 over the largest magnitude of such rows is no float: they are as good as nothing, at every width.</summary>
    [Test]
    public void RowsTooSmallForAScaleGiveNothing([ValueSource(nameof(IntegerFormats))] Format format)
    {
        using var backend = new CpuBackend(Fast);
        using var bench = new Workbench(backend);
        float[] x = Array.ConvertAll(Samples.Normal(1, 3, 256), value => value * 1e-38f);
        Tensor y = bench.Result(3, 20);
        backend.Linear(bench.Floats(x, 3, 256), new LinearParameters(format.Prepare(bench, 20, 256), null), y);
        Assert.That(bench.Read(y), Is.All.Zero);
    }

    public sealed record Format(string Name, int Bits, int GroupSize)
    {
        public override string ToString() => GroupSize == 0 ? Name : $"{Name} in groups of {GroupSize}";

        /// <summary>Integers multiply everywhere, bfloat16s where there is an instruction for it.</summary>
        public bool Runs => Bits < 16 || (CpuFeatures.IsSupported(InstructionSet.Vector512) && new CpuFeatures("").BFloat16 && new CpuFeatures("").Assembler);

        public PreparedWeight Prepare(Workbench bench, int outputs, int inputs) => Prepare(bench, outputs, inputs, asSeen: false);

        /// <summary>A weight, perhaps as the product sees it: 4-bit weights have their scales rounded to bfloat16.</summary>
        public PreparedWeight Prepare(Workbench bench, int outputs, int inputs, bool asSeen) => Bits == 16
            ? bench.Weight(2, DType.BF16, outputs, inputs)
            : bench.Quantized(2, Bits, outputs, inputs, GroupSize, shortScales: asSeen && Bits == 4);

        private static bool HasByteProducts => CpuFeatures.IsSupported(InstructionSet.Vector512) && new CpuFeatures("").Vnni && new CpuFeatures("").Assembler;

        /// <summary>A row as the product sees it.</summary>
        public float[] Round(float[] row)
        {
            if (Bits == 16)
                return Array.ConvertAll(row, BFloat16);

            // 8-bit weights let each group of inputs have its scale, and without vpdpbusd no pair of neighbours passes what one input may be.
            if (Bits == 8)
                return [.. row.Chunk(HasByteProducts ? 128 : 64).SelectMany(group => Samples.InBytes(group, HasByteProducts ? 0 : group.Chunk(2).Max(pair => Math.Abs(pair.Sum()))))];
            return Samples.InBytes(row);
        }

        private static float BFloat16(float x)
        {
            uint bits = BitConverter.SingleToUInt32Bits(x);
            return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
        }
    }

    [Test]
    public void ProductsAgreeWithTheOracleOnOddSizes([ValueSource(nameof(Formats))] Format format)
    {
        foreach (int rows in (int[])[1, 3, 7, 13, 37])
        {
            foreach (int inputs in (int[])[1, 2, 3, 5, 31, 32, 33, 37, 129, 259, 515])
            {
                foreach (int outputs in (int[])[1, 7, 33, 65])
                    Agree(format, rows, inputs, outputs);
            }
        }
    }

    [Test]
    public void ProductsAgreeWithTheOracleAtSizesOfALayer([ValueSource(nameof(Formats))] Format format) => Agree(format, 71, 2048, 192);

    /// <summary>Neighbours that add up to twice the largest input, or to nothing, with weights of all sizes: no sum of two products leaves its 16 bits.</summary>
    [Test]
    public void NoPairOfInputsIsTooLarge([ValueSource(nameof(IntegerFormats))] Format format)
    {
        foreach (float second in (float[])[1, -1, 0.984f, -0.984f])
        {
            float[] x = [.. Enumerable.Range(0, 5 * 192).Select(i => (i / 192 % 2 == 0 ? 1 : -1) * (i % 2 == 0 ? 1 : second))];
            Agree(format, x, 5, 192, 65);
        }
    }

    [Test]
    public void NormActivationBiasAndResidualSurroundTheProduct([ValueSource(nameof(Formats))] Format format)
    {
        float[] Run(IBackend backend, bool fused)
        {
            using var bench = new Workbench(backend);
            Tensor x = bench.Random(1, 9, 96), y = bench.Random(4, 9, 40);
            LayerNormParameters norm = bench.Norm(5, 96);
            if (!fused)
                backend.LayerNorm(x, norm, x);
            backend.Linear(x, new LinearParameters(format.Prepare(bench, 40, 96), bench.Random(3, 40)), y, Activation.Gelu, residual: y, norm: fused ? norm : null);
            return bench.Read(y);
        }
        using var fast = new CpuBackend(Fast);
        float[] fused = Run(fast, fused: true);
        Assert.That(fused, Is.EqualTo(Run(fast, fused: false)), "the norm on the way is the norm before");
        using var exact = new CpuBackend(Fast with { Products = ProductPrecision.Exact });
        float[] expected = Run(exact, fused: false);
        Assert.That(fused.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), Is.LessThan(0.05), "rounding the rows");
    }

    [Test]
    public void ARowHasTheSameBitsInAnyBatchOnAnyThreads([ValueSource(nameof(Formats))] Format format)
    {
        const int Inputs = 203, Outputs = 67;
        float[] x = Samples.Normal(1, 65, Inputs);
        float[] Run(int threads, int first, int rows)
        {
            using var backend = new CpuBackend(Fast with { Threads = threads });
            using var bench = new Workbench(backend);
            Tensor y = bench.Result(rows, Outputs);
            backend.Linear(bench.Floats(x[(first * Inputs)..((first + rows) * Inputs)], rows, Inputs), new LinearParameters(format.Prepare(bench, Outputs, Inputs), null), y);
            return bench.Read(y);
        }
        float[] together = Run(2, 0, 65);
        foreach (int threads in (int[])[1, 2])
        {
            foreach ((int first, int rows) in new[] { (0, 1), (64, 1), (5, 2), (50, 7), (20, 16), (0, 65) })
                Assert.That(Run(threads, first, rows), Is.EqualTo(together[(first * Outputs)..((first + rows) * Outputs)]), $"{rows} rows from {first}, {threads} threads");
        }
    }

    [Test]
    public void ASecondProductReadsThePanelsOfTheFirst([ValueSource(nameof(Formats))] Format format)
    {
        using var backend = new CpuBackend(Fast);
        using var bench = new Workbench(backend);
        Tensor x = bench.Random(1, 5, 130), first = bench.Result(5, 50), second = bench.Result(5, 50);
        var layer = new LinearParameters(format.Prepare(bench, 50, 130), null);
        backend.Linear(x, layer, first);
        backend.Linear(x, layer, second);
        Assert.That(bench.Read(second), Is.EqualTo(bench.Read(first)));
    }

    [Test]
    public void RowsOfZerosAndOfNoNumbersStayWhatTheyAre([ValueSource(nameof(Formats))] Format format)
    {
        using var backend = new CpuBackend(Fast);
        using var bench = new Workbench(backend);
        float[] x = new float[3 * 40];
        x[40 + 7] = float.NaN;
        x[80 + 39] = float.PositiveInfinity;
        Tensor y = bench.Result(3, 5);
        backend.Linear(bench.Floats(x, 3, 40), new LinearParameters(format.Prepare(bench, 5, 40), null), y);
        float[] result = bench.Read(y);
        Assert.That(result[..5], Is.All.EqualTo(0));
        Assert.That(result[5..], Has.All.Matches<float>(value => !float.IsFinite(value)));
    }

    [Test]
    public void IntegersHaveTheSameBitsAtEveryWidth([ValueSource(nameof(IntegerFormats))] Format format)
    {
        foreach ((int rows, int inputs, int outputs) in new[] { (1, 37, 5), (2, 129, 33), (3, 256, 40), (5, 1537, 16), (7, 515, 67), (13, 2048, 33) })
        {
            float[] scalar = Product(Fast with { InstructionSet = InstructionSet.Scalar }, format, rows, inputs, outputs);
            foreach (InstructionSet set in Enum.GetValues<InstructionSet>().Where(CpuFeatures.IsSupported))
            {
                // With vpdpbusd rows of 8-bit weights are rounded in another way.
                string other = format.Bits == 8 ? "avx512vnni" : "";
                Assert.That(Product(Fast with { InstructionSet = set, Disable = other }, format, rows, inputs, outputs), Is.EqualTo(scalar), $"{set}");
                Assert.That(Product(Fast with { InstructionSet = set, Disable = "assembler" }, format, rows, inputs, outputs), Is.EqualTo(scalar), $"{set}, compiled");
            }
        }
    }

    [Test]
    public void MappedWeightsHaveTheBitsOfPackedOnes([ValueSource(nameof(Formats))] Format format)
    {
        foreach (int inputs in (int[])[64, 128, 640, 1088, 2048])
        {
            foreach (int outputs in (int[])[1, 8, 67])
            {
                foreach (int rows in (int[])[1, 2, 3, 4, 5])
                {
                    float[] packed = Product(Fast with { Weights = WeightResidency.Packed }, format, rows, inputs, outputs);
                    float[] mapped = Product(Fast with { Weights = WeightResidency.Mapped }, format, rows, inputs, outputs);
                    Assert.That(mapped, Is.EqualTo(packed), $"{rows}x{outputs}x{inputs}");
                }
            }
        }
    }

    [Test]
    public void ProductsAreExactWhereTheFastOnesAreSwitchedOff([ValueSource(nameof(Formats))] Format format)
    {
        float[] expected = Product(new CpuOptions { Threads = 1 }, format, 4, 70, 33);
        Assert.That(Product(Fast with { Disable = "avx512bf16,avx512vnni,integers" }, format, 4, 70, 33), Is.EqualTo(expected));
        Assert.That(Product(Fast with { Disable = "assembler,integers" }, format, 4, 70, 33), Is.EqualTo(expected));
        Assert.That(Product(Fast, format, 4, 70, 33), Is.Not.EqualTo(expected), "this test would not notice");
    }

    [Test]
    public void WeightsAreInPanelsOnlyWhereThatIsAskedFor([ValueSource(nameof(Formats))] Format format, [Values] WeightResidency residency)
    {
        using var backend = new CpuBackend(Fast with { Weights = residency });
        using var bench = new Workbench(backend);
        Assert.That(format.Prepare(bench, 33, 64) is PackedWeight, Is.EqualTo(residency == WeightResidency.Packed));
    }

    [Test]
    public void IntegersAreNotWidenedInMemory([ValueSource(nameof(IntegerFormats))] Format format)
    {
        using var backend = new CpuBackend(Fast with { Products = ProductPrecision.Exact });
        using var bench = new Workbench(backend);
        Assert.That(format.Prepare(bench, 33, 64), Is.Not.InstanceOf<PackedWeight>());
    }

    private static float[] Product(CpuOptions options, Format format, int rows, int inputs, int outputs)
    {
        using var backend = new CpuBackend(options);
        using var bench = new Workbench(backend);
        Tensor y = bench.Result(rows, outputs);
        backend.Linear(bench.Random(1, rows, inputs), new LinearParameters(format.Prepare(bench, outputs, inputs), bench.Random(3, outputs)), y);
        return bench.Read(y);
    }

    private static void Agree(Format format, int rows, int inputs, int outputs) => Agree(format, Samples.Normal(1, rows, inputs), rows, inputs, outputs);

    private static void Agree(Format format, float[] x, int rows, int inputs, int outputs)
    {
        float[] rounded = [.. x.Chunk(inputs).SelectMany(format.Round)];
        using var fast = new CpuBackend(Fast);
        using var oracle = new ReferenceBackend();
        float[] actual = Run(fast, x, asSeen: false), expected = Run(oracle, rounded, asSeen: true);
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(2e-5 + (1e-5 * Math.Abs(expected[i]))), $"{rows}x{outputs}x{inputs}, element {i}");

        float[] Run(IBackend backend, float[] values, bool asSeen)
        {
            using var bench = new Workbench(backend);
            Tensor y = bench.Result(rows, outputs);
            backend.Linear(bench.Floats(values, rows, inputs), new LinearParameters(format.Prepare(bench, outputs, inputs, asSeen), bench.Random(3, outputs)), y);
            return bench.Read(y);
        }
    }
}
