using System.Text.RegularExpressions;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>The exact products of CUDA devices: their text is executed here and compared with the oracle.</summary>
internal sealed class FloatMatmulTextTests
{
    private static readonly DType[] Types = [DType.F32, DType.BF16, DType.F16];

    private static IEnumerable<FloatTile> Tiles => FloatTile.All;

    [Test]
    public void ProductsAgreeWithTheOracleOnOddSizes([ValueSource(nameof(Tiles))] FloatTile tile, [ValueSource(nameof(Types))] DType type)
    {
        foreach ((int rows, int inputs, int outputs) in new[] { (1, 4, 1), (7, 20, 37), (tile.Rows + 3, 36, tile.Outputs + 4), (3, 64, 5) })
            Agrees(tile, new MatmulCase(rows, inputs, outputs, type));
    }

    [Test]
    public void BiasActivationAndResidualAgree([Values] Activation activation, [Values] bool bias, [Values] bool residual, [Values(12, 13)] int outputs) =>
        Agrees(FloatTile.All[^1], new MatmulCase(19, 40, outputs, DType.F32, activation, bias, residual));

    /// <summary>Whole tiles and first tiles that begin before the first input, one tile and many.</summary>
    [Test]
    public void NumbersOfInputsAroundTheTilesAgree([Range(4, 100, 4)] int inputs, [ValueSource(nameof(Types))] DType type) =>
        Agrees(FloatTile.All[^1], new MatmulCase(5, inputs, 9, type, Residual: false));

    /// <summary>Many blocks in both directions, more than one group of row tiles.</summary>
    [Test]
    public void EveryBlockHasItsPlace() => Agrees(FloatTile.All[^1], new MatmulCase((17 * 64) + 3, 4, 135, DType.F32));

    /// <summary>In every tile, and with other rows beside it.</summary>
    [Test]
    public void ARowHasTheSameBitsEverywhere()
    {
        var product = new MatmulCase(21, 100, 43, DType.F32, Activation.Gelu);
        float[] first = Run(Tiles.First(), product, out _);
        foreach (FloatTile tile in Tiles)
        {
            Assert.That(Run(tile, product, out _), Is.EqualTo(first), $"{tile}");
            Assert.That(Run(tile, product with { Rows = 4, Residual = false }, out _), Is.EqualTo(Run(tile, product with { Residual = false }, out _)[..(4 * 43)]), $"{tile}");
        }
    }

    /// <summary>The products of an output one after another, each added with one rounding, then the bias: the order of the kernels in C#.</summary>
    [Test]
    public void SumsTakeTheInputsInOrder()
    {
        var product = new MatmulCase(3, 52, 5, DType.F32, Residual: false);
        float[] expected = new float[15];
        for (int i = 0; i < expected.Length; i++)
        {
            for (int k = 0; k < 52; k++)
                expected[i] = MathF.FusedMultiplyAdd(product.X[(i / 5 * 52) + k], product.W[(i % 5 * 52) + k], expected[i]);
            expected[i] += product.B![i % 5];
        }
        Assert.That(Run(FloatTile.All[0], product, out _), Is.EqualTo(expected));
    }

    /// <summary>No lanes meet in a bank, and each read is one that shared memory serves twice as fast as those of 32 addresses.</summary>
    [Test]
    public void SharedMemoryIsUsedWithoutBankConflicts([ValueSource(nameof(Tiles))] FloatTile tile)
    {
        Run(tile, new MatmulCase(tile.Rows, 64, tile.Outputs, DType.F32), out PtxMachine machine);
        Assert.That(machine.Conflicts["ld.shared.v4.f32"], Is.Zero);
        Assert.That(machine.UnpairedReads, Is.Zero);
        Assert.That(machine.Conflicts["st.shared.f32"], Is.Zero);
    }

    /// <summary>What a device would not tell: the checks find each of these mistakes in the text.</summary>
    [TestCase("bar.sync 0;", "", "without a barrier since")]
    [TestCase(@"setp\.ge\.s32 (%p\d+), (%r\d+), 0;", "setp.ge.s32 $1, $2, -64;", "are in no buffer")]
    [TestCase(@"setp\.gt\.s32 (%p\d+), (%r\d+), 1;", "setp.gt.s32 $1, $2, 0;", "are in no buffer")]
    [TestCase(@"xor\.b32 (%r\d+), (%r\d+), %r\d+;", "xor.b32 $1, $2, 0;", "bank conflicts")]
    public void MistakesAreFound(string right, string wrong, string found)
    {
        FloatTile tile = FloatTile.All[^1];
        string text = MatmulText(tile, DType.F32), changed = Regex.Replace(text, right, wrong);
        Assert.That(changed, Is.Not.EqualTo(text));
        Assert.That(Outcome, Throws.TypeOf<PtxFault>().With.Message.Contains(found));

        void Outcome()
        {
            new MatmulCase(70, 52, 70, DType.F32).RunExact(changed, tile, out PtxMachine machine);
            if (machine.Conflicts.Values.Sum() > 0)
                throw new PtxFault("bank conflicts");
        }
    }

    /// <summary>Lanes numbered along the outputs compute the same, but their reads of W are no pairs.</summary>
    [Test]
    public void ReadsThatAreNoPairsAreCounted()
    {
        (FloatTile tile, MatmulCase product) = (FloatTile.All[^1], new MatmulCase(64, 32, 64, DType.F32));
        string text = MatmulText(tile, DType.F32);
        string plain = Regex.Replace(text, @"shr\.u32 (%r\d+), (%r\d+), 1;(\s+and\.b32 %r\d+, %r\d+, 1;)", "shr.u32 $1, $2, 3;$3");
        plain = Regex.Replace(plain, @"shr\.u32 (%r\d+), (%r\d+), 1;(\s+and\.b32 %r\d+, %r\d+, 6;)", "shr.u32 $1, $2, 0;$3");
        float[] sums = product.RunExact(plain, tile, out PtxMachine machine);
        Assert.That(machine.UnpairedReads, Is.EqualTo(tile.Depth * tile.Threads / 32));
        Assert.That(sums, Is.EqualTo(Run(tile, product, out _)));
    }

    /// <summary>
    /// Speed, as far as it shows in the text: nine of ten instructions of the loop multiply, shared memory is read 16 bytes at a time, the next tile is asked for
    /// in front of the loop's only barrier, and multiplications to and fro share an operand with the one before.
    /// </summary>
    [Test]
    public void TheLoopIsMultiplications([ValueSource(nameof(Tiles))] FloatTile tile, [ValueSource(nameof(Types))] DType type)
    {
        string[] all = MatmulText(tile, type).Split('\n');
        int from = Array.FindIndex(all, line => line.StartsWith("LOOP", StringComparison.Ordinal));
        int to = Array.FindIndex(all, line => line.Contains("bra LOOP", StringComparison.Ordinal));
        string[] loop = all[from..to], products = [.. loop.Where(line => line.Contains("fma.rn", StringComparison.Ordinal))];
        Assert.That(products, Has.Length.EqualTo(tile.Depth * tile.ThreadRows * tile.ThreadOutputs));
        Assert.That(products.Length, Is.GreaterThan((tile.Rows == 128 ? 0.88 : 0.75) * loop.Length));
        Assert.That(loop.Where(line => line.Contains("ld.shared", StringComparison.Ordinal)), Has.All.Contains("ld.shared.v4.f32"));
        Assert.That(loop.Count(line => line.Contains("bar.sync", StringComparison.Ordinal)), Is.EqualTo(1));
        int barrier = Array.FindIndex(loop, line => line.Contains("bar.sync", StringComparison.Ordinal));
        Assert.That(loop[barrier..], Has.None.Contains("ld.global"));
        Assert.That(loop[Array.FindLastIndex(loop, line => line.Contains("fma.rn", StringComparison.Ordinal))..barrier].Count(line => line.Contains("ld.global", StringComparison.Ordinal)),
            Is.EqualTo((tile.Rows + tile.Outputs) / tile.LinesAtOnce));
        int alone = products.Zip(products.Skip(1)).Count(pair => !Operands(pair.First)[1..3].Intersect(Operands(pair.Second)[1..3]).Any());
        Assert.That(alone, Is.LessThan(tile.Depth));
        Assert.That(all, Has.None.Contains(".local"));
        Assert.That(all, Has.One.EqualTo($".minnctapersm {tile.Beside}"));

        static string[] Operands(string line) => line.Trim().TrimEnd(';').Split(' ', 2)[1].Split(", ");
    }

    /// <summary>The model's products on an H200.</summary>
    [TestCase(4096, 4096, "128x128_8x8")]
    [TestCase(1028, 4096, "64x64_4x4")]
    [TestCase(257, 4096, "64x64_4x4")]
    [TestCase(257, 3 * 1024, "64x64_4x4")]
    [TestCase(257, 1024, "64x64_4x4")]
    [TestCase(72, 8192, "64x64_4x4")]
    [TestCase(2056, 8192, "128x128_8x8")]
    [TestCase(16, 65037, "64x64_4x4")]
    public void TheTileFitsTheShape(int rows, int outputs, string expected) => Assert.That(FloatTile.For(rows, outputs, 132).ToString(), Is.EqualTo(expected));

    private static string MatmulText(FloatTile tile, DType type) => FloatMatmulText.Write(tile, type, PtxTarget.Ampere);

    private static float[] Run(FloatTile tile, MatmulCase product, out PtxMachine machine) =>
        product.RunExact(MatmulText(tile, product.Type), tile, out machine);

    private static void Agrees(FloatTile tile, MatmulCase product)
    {
        float[] actual = Run(tile, product, out _), expected = product.Expected();
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(2e-5 + (2e-5 * Math.Abs(expected[i]))), $"{tile} {product}: element {i}");
    }
}
