using System.Text.RegularExpressions;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>The tensor cores' matmul without a device: its text is executed here, instruction by instruction, and compared with the oracle.</summary>
internal sealed class MatmulTextTests
{
    private static readonly DType[] Types = [DType.BF16, DType.F16];

    private static IEnumerable<MatmulTile> Tiles => MatmulTile.All;

    // Each number of blocks once with each shape of warps that is split.
    private static IEnumerable<MatmulTile> Split => MatmulTile.Split.Where(tile => tile.ToString() is "16x64k8" or "64x64k2" or "80x64k4" or "64x256k4" or "80x128k4" or "80x256k8" or "96x128k2");

    private static IEnumerable<MatmulTile> TilesAndAllSplit => Tiles.Concat(MatmulTile.Split);

    private static IEnumerable<MatmulTile> OfBytes => MatmulTile.All.Concat(Split).Where(tile => tile.TakesBytes);

    private static IEnumerable<MatmulTile> OfIntegers => Tiles.Where(tile => tile.TakesIntegers);

    private static IEnumerable<MatmulTile> OfIntegersAndAllSplit => TilesAndAllSplit.Where(tile => tile.TakesIntegers);

    private static IEnumerable<MatmulTile> OfIntegersAndSplit => OfIntegers.Concat(Split.Where(tile => tile.TakesIntegers));

    [Test]
    public void ProductsAgreeWithTheOracleOnOddSizes([ValueSource(nameof(Tiles))] MatmulTile tile)
    {
        foreach ((int rows, int inputs, int outputs) in new[]
        {
            (1, 8, 1), (7, 24, 37), (tile.Rows + 3, 200, tile.Outputs + 5), (tile.Rows - 1, 2 * tile.Depth * tile.Stages, tile.Outputs + 4),
        })
            Agrees(tile, new MatmulCase(rows, inputs, outputs, DType.BF16));
    }

    /// <summary>Clusters of blocks that share the inputs: some blocks with fewer than others, some with none.</summary>
    [Test]
    public void SplitProductsAgreeWithTheOracle([ValueSource(nameof(Split))] MatmulTile tile)
    {
        foreach ((int rows, int inputs, int outputs) in new[] { (1, 8, 1), (tile.Rows + 3, (tile.Depth * tile.Splits) + 72, tile.Outputs + 5), (tile.Rows - 1, 456, 36) })
            Agrees(tile, new MatmulCase(rows, inputs, outputs, DType.BF16, Activation.Gelu));
    }

    /// <summary>Weights of small integers: (q - zero) * scale becomes BF16 on its way in. Groups of whole chunks, tiles within groups and groups within tiles.</summary>
    [Test]
    public void ProductsOfSmallIntegersAgreeWithTheOracle(
        [Values(DType.I8, DType.I32)] DType type, [Values] bool zeros, [ValueSource(nameof(OfIntegersAndSplit))] MatmulTile tile)
    {
        foreach ((int rows, int inputs, int outputs, int group) in new[]
        {
            (1, 8, 1, 8), (7, 24, 37, 24), (tile.Rows + 3, (tile.Depth * tile.Splits) + 72, tile.Outputs + 5, 40), (tile.Rows - 1, tile.Depth * tile.Stages, 36, 128),
        })
            Agrees(tile, new MatmulCase(rows, inputs, outputs, type, GroupSize: group, Zeros: zeros));
    }

    /// <summary>Bytes times bytes: rows with a scale for each 128 inputs, a scale for each output.</summary>
    [Test]
    public void ProductsOfBytesAgreeWithTheOracle([ValueSource(nameof(OfBytes))] MatmulTile tile)
    {
        foreach ((int rows, int inputs, int outputs) in new[] { (1, 128, 1), (tile.Rows + 3, 128 * (tile.Splits + 1), tile.Outputs + 5), (tile.Rows - 1, 128 * tile.Stages * 2, 36) })
            Agrees(tile, new MatmulCase(rows, inputs, outputs, MatmulTypes.Bytes, Activation.Gelu));
        Agrees(tile, new MatmulCase(5, 256, 20, MatmulTypes.Bytes, Bias: false, Residual: false));
    }

    /// <summary>The largest sum that there can be, of all signs: in a tile it still is a float's exact bits.</summary>
    [Test]
    public void TheLargestSumsOfBytesAreExact([Values(1f, -1f)] float x, [Values((sbyte)127, (sbyte)-128)] sbyte w)
    {
        MatmulTile tile = OfBytes.First(t => t.Rows == 16);
        var memory = new PtxGlobalMemory();
        ulong rows = MatmulCase.Rounded(memory, [.. Enumerable.Repeat(x, 128)], 1, 128), weights = memory.Add(Enumerable.Repeat(w, 128).ToArray());
        ulong scales = memory.Add([0.5f]), y = memory.Add([float.NaN]);
        ulong[] arguments = [rows, 0, 1, 64, 1, (ulong)Activation.Identity, 0, 1, weights, 0, y, scales, 0];
        new PtxMachine(PtxProgram.Parse(Text(tile, MatmulTypes.Bytes)), memory, tile.SharedBytes).Launch(new LaunchGrid(1, tile.Splits), [.. arguments, .. new ulong[2 * 5]]);
        Assert.That(memory.Read<float>(y)[0], Is.EqualTo(x * w * 64).Within(1e-3));
    }

    /// <summary>No fewer products than there are, nothing stored on the way, one barrier a tile.</summary>
    [Test]
    public void TheLoopOfBytesIsProductsReadsAndCopies([ValueSource(nameof(OfBytes))] MatmulTile tile)
    {
        string text = Text(tile, MatmulTypes.Bytes), loop = Loop(text);
        int pieces = tile.Stages * (tile.WarpRows / 16) * (tile.WarpOutputs / 8);
        Assert.That(Regex.Count(loop, @"mma\.sync\.aligned\.m16n8k32\.row\.col\.s32\.s8"), Is.EqualTo(4 * pieces));
        Assert.That(Regex.Count(loop, @"fma\.rn\.f32"), Is.EqualTo(4 * pieces));
        Assert.That(Regex.Count(loop, @"bar\.sync"), Is.EqualTo(tile.Stages));
        Assert.That(Regex.Count(loop, @"ld\.global"), Is.EqualTo(tile.Stages * tile.WarpRows / 8));
        Assert.That(loop, Does.Not.Contain("st.").And.Not.Contain("cvt."));
        new MatmulCase(tile.Rows, 256, tile.Outputs, MatmulTypes.Bytes).Run(text, tile, out IReadOnlyDictionary<string, int> conflicts);
        Assert.That(conflicts["ldmatrix"] + conflicts["cp.async"], Is.Zero);
        Assert.That(tile.Rows, Is.LessThanOrEqualTo(MatmulTile.MostByteRows));
    }

    [Test]
    public void NumbersOfInputsAroundTheStagesAgree([Range(0, 7)] int tiles, [Values(-8, 0, 8)] int more)
    {
        MatmulTile tile = MatmulTile.All.Single(t => t.ToString() == "64x64");
        if ((tiles * tile.Depth) + more is > 0 and int inputs)
            Agrees(tile, new MatmulCase(5, inputs, 9, DType.BF16, Residual: false));
    }

    [Test]
    public void BiasActivationAndResidualAgree(
        [Values] Activation activation, [Values] bool bias, [Values] bool residual, [Values(12, 13)] int outputs, [ValueSource(nameof(Types))] DType type) =>
        Agrees(MatmulTile.All[^1], new MatmulCase(19, 40, outputs, type, activation, bias, residual));

    /// <summary>Many blocks in both directions, more than one group of row tiles.</summary>
    [Test]
    public void EveryBlockHasItsPlace() => Agrees(MatmulTile.All[^1], new MatmulCase((17 * 16) + 3, 8, 135, DType.BF16));

    [Test]
    public void ARowHasTheSameBitsInEveryTile()
    {
        float[][] results = [.. Tiles.Select(tile => new MatmulCase(21, 104, 43, DType.BF16, Activation.Gelu).Run(Text(tile, DType.BF16), tile, out _))];
        foreach (float[] other in results[1..])
            Assert.That(other, Is.EqualTo(results[0]));
    }

    [Test]
    public void TilesAreReadAndFilledWithoutBankConflicts([ValueSource(nameof(Tiles))] MatmulTile tile)
    {
        new MatmulCase(tile.Rows, 256, tile.Outputs, DType.BF16).Run(Text(tile, DType.BF16), tile, out IReadOnlyDictionary<string, int> conflicts);
        Assert.That(conflicts["ldmatrix"], Is.Zero);
        Assert.That(conflicts["cp.async"], Is.Zero);
        Assert.That(conflicts["st.shared.v2.f32"], Is.Zero);
    }

    [Test]
    public void WidenedIntegersAreWrittenWithoutBankConflicts([Values(DType.I8, DType.I32)] DType type, [ValueSource(nameof(OfIntegers))] MatmulTile tile)
    {
        new MatmulCase(tile.Rows, 256, tile.Outputs, type, GroupSize: 64).Run(Text(tile, type), tile, out IReadOnlyDictionary<string, int> conflicts);
        Assert.That(conflicts["ldmatrix"], Is.Zero);
        Assert.That(conflicts["st.shared.v4.b32"], Is.Zero);
    }

    /// <summary>Of a tile of integers the loop loads what it widens, once, two words or one at a time.</summary>
    [Test]
    public void TheLoopOfSmallIntegersLoadsThemOnce([Values(DType.I8, DType.I32)] DType type, [ValueSource(nameof(OfIntegersAndAllSplit))] MatmulTile tile)
    {
        string text = Text(tile, type), loop = Loop(text);
        int lines = tile.Outputs * tile.Depth / 8 / tile.Threads;
        Assert.That(Regex.Count(loop, type == DType.I8 ? @"ld\.global\.nc\.v2\.b32" : @"ld\.global\.nc\.b32"), Is.EqualTo(tile.Stages * lines));
        Assert.That(Regex.Count(loop, @"st\.shared\.v4\.b32"), Is.EqualTo(tile.Stages * lines));
        Assert.That(Regex.Count(loop, @"bar\.sync"), Is.EqualTo(tile.Stages));
    }

    /// <summary>Of the barriers of a cluster, the first keeps a block from reading sums that are not there yet, the last from ending while it is read.</summary>
    [TestCase(true, "without a barrier since|was never written|is still being copied")]
    [TestCase(false, "has ended")]
    public void MissingBarriersOfAClusterAreFound(bool first, string found)
    {
        MatmulTile tile = MatmulTile.Split.Single(t => t.ToString() == "16x64k2");
        string changed = MatmulText.Write(tile, DType.BF16, PtxTarget.Hopper);
        foreach (string half in (string[])["\tbarrier.cluster.arrive.aligned;\n", "\tbarrier.cluster.wait.aligned;\n"])
            changed = changed.Remove(first ? changed.IndexOf(half, StringComparison.Ordinal) : changed.LastIndexOf(half, StringComparison.Ordinal), half.Length);
        Assert.That(() => new MatmulCase(16, 256, 64, DType.BF16).Run(changed, tile, out _), Throws.TypeOf<PtxFault>().With.Message.Matches(found));
    }

    [Test]
    public void ReadingFromTheClusterBehindTheLastArrivalIsFound()
    {
        MatmulTile tile = MatmulTile.Split.Single(t => t.ToString() == "16x64k2");
        string text = MatmulText.Write(tile, DType.BF16, PtxTarget.Hopper);
        int place = text.LastIndexOf("\tbarrier.cluster.arrive.aligned;\n", StringComparison.Ordinal), read = text.IndexOf("\tld.shared::cluster", StringComparison.Ordinal);
        string changed = text.Insert(text.IndexOf('\n', place) + 1, text[read..(text.IndexOf('\n', read) + 1)]);
        Assert.That(() => new MatmulCase(16, 256, 64, DType.BF16).Run(changed, tile, out _), Throws.TypeOf<PtxFault>().With.Message.Contains("after having arrived"));
    }

    /// <summary>What a device would not tell: the same checks find each of these mistakes in the text.</summary>
    [TestCase("cp.async.wait_group 2;", "cp.async.wait_group 3;", "is still being copied")]
    [TestCase("cp.async.wait_group 0;", "", "with copies on their way")]
    [TestCase("bar.sync 0;", "", "without a barrier since")]
    [TestCase("bar.warp.sync -1;", "", "without a barrier since")]
    [TestCase(@"xor.b32 (%r\d+), (%r\d+), %r\d+;", "xor.b32 $1, $2, 0;", "bank conflicts")]
    [TestCase(", 16, 0, ", ", 16, 16, ", "are in no buffer")]
    [TestCase("min.s32", "max.s32", "unknown instruction")]
    [TestCase(@"mov.f32 %f32, 0f00000000;", "", "has no value")]
    public void MistakesAreFound(string right, string wrong, string found)
    {
        MatmulTile tile = MatmulTile.All.Single(t => t.ToString() == "64x64");
        string text = Text(tile, DType.BF16), changed = Regex.Replace(text, right, wrong);
        Assert.That(changed, Is.Not.EqualTo(text));
        Assert.That(Outcome, Throws.TypeOf<PtxFault>().With.Message.Contains(found));

        void Outcome()
        {
            new MatmulCase(70, 456, 70, DType.BF16, Bias: false).Run(changed, tile, out IReadOnlyDictionary<string, int> conflicts);
            if (conflicts["ldmatrix"] + conflicts["cp.async"] > 0)
                throw new PtxFault("bank conflicts");
        }
    }

    /// <summary>Speed, as far as it shows in the text: the loop holds products, reads and copies, and next to nothing else.</summary>
    [Test]
    public void TheLoopIsProductsReadsAndCopies([ValueSource(nameof(TilesAndAllSplit))] MatmulTile tile, [ValueSource(nameof(Types))] DType type)
    {
        string text = Text(tile, type);
        string[] all = text.Split('\n');
        int from = Array.FindIndex(all, line => line.StartsWith("LOOP", StringComparison.Ordinal));
        int to = Array.FindIndex(all, line => line.Contains("bra LOOP", StringComparison.Ordinal));
        string[] loop = [.. all[from..to].Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal))];
        int Count(string name) => loop.Count(line => line.Split(' ').First(word => word[0] != '@').StartsWith(name, StringComparison.Ordinal));
        int steps = tile.Stages * tile.Depth / 16;
        Assert.That(Count("mma.sync.aligned.m16n8k16"), Is.EqualTo(steps * (tile.WarpRows / 16) * (tile.WarpOutputs / 8)));
        Assert.That(Count("ldmatrix"), Is.EqualTo(steps * ((tile.WarpRows / 16) + (tile.WarpOutputs / 16))));
        Assert.That(Count("cp.async.cg"), Is.EqualTo(tile.Stages * (Copies(tile.Rows) + Copies(tile.Outputs))));
        Assert.That(Count("bar.sync"), Is.EqualTo(tile.Stages));
        Assert.That(loop.Count(line => line.Contains("global", StringComparison.Ordinal)), Is.EqualTo(Count("cp.async.cg")));
        Assert.That(text, Does.Not.Contain(".local"));
        int Copies(int lines) => (int)Math.Ceiling((double)lines * tile.Depth / 8 / tile.Threads);
        if (tile.WarpRows >= 64 && tile.WarpOutputs == 64)
            Assert.That(Count("mma"), Is.GreaterThan(0.6 * loop.Length));
    }

    [Test]
    public void RoundingIsToNearestEven([ValueSource(nameof(Types))] DType type)
    {
        float[] x = [.. Floats(type)];
        var memory = new PtxGlobalMemory();
        ulong source = memory.Add(x), destination = memory.Add(new ushort[x.Length]);
        new PtxMachine(PtxProgram.Parse(RoundText.Write(type, PtxTarget.Ampere)), memory, 0).Launch(2, source, destination, (ulong)(x.Length / RoundText.PerThread));
        ushort[] expected = Array.ConvertAll(x, v => type == DType.F16 ? BitConverter.HalfToUInt16Bits((Half)v) : (ushort)BFloat16Bits(v));
        Assert.That(memory.Read<ushort>(destination), Is.EqualTo(expected));

        static IEnumerable<float> Floats(DType type) => Enumerable.Range(0, 8 * 300).Select(i => type == DType.F16
            ? (float)BitConverter.UInt16BitsToHalf((ushort)(i * 13)) + (i % 3 * 1e-4f)
            : BitConverter.UInt32BitsToSingle(((uint)i << 18) + ((uint)i % 5 * 0x4000)));
        static uint BFloat16Bits(float value) => (uint)Math.Round(BitConverter.SingleToUInt32Bits(value) / 65536.0, MidpointRounding.ToEven);
    }

    private static string Text(MatmulTile tile, MatmulTypes types) => MatmulText.Write(tile, types, tile.Splits > 1 ? PtxTarget.Hopper : PtxTarget.Ampere);

    private static string Loop(string text) => text[text.IndexOf("\nLOOP", StringComparison.Ordinal)..text.IndexOf("bra LOOP", StringComparison.Ordinal)];

    private static void Agrees(MatmulTile tile, MatmulCase product)
    {
        float[] actual = product.Run(Text(tile, product.Types), tile, out _), expected = product.Expected();
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(2e-5 + (2e-5 * Math.Abs(expected[i]))), $"{tile} {product}: element {i}");
    }
}
