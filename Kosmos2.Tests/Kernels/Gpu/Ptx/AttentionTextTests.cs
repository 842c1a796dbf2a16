using System.Text.RegularExpressions;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>The tensor cores' attention without a device: its text is executed here, instruction by instruction, and compared with the oracle.</summary>
internal sealed class AttentionTextTests
{
    // Weights are off by up to 2^-9 of each when rounded to BF16, in both directions, and sum to 1 again: 2^-9 of the values' mean distance from the result, below 2 here.
    private const double Tolerance = 1.0 / 256;

    private static IEnumerable<int> HeadSizes => AttentionTile.HeadSizes;

    /// <summary>Fewer and more queries and keys than a piece, a warp's share and a tile.</summary>
    [Test]
    public void AttentionAgreesWithTheOracleOnOddSizes(
        [Values(1, 16, 37, 65)] int queries, [Values(1, 7, 16, 17, 32, 33, 48, 49, 64, 65, 100, 128, 129)] int keys) =>
        Agrees(new AttentionCase(queries, keys));

    [Test]
    public void HeadsOfEverySizeAgree([ValueSource(nameof(HeadSizes))] int headSize) => Agrees(new AttentionCase(21, 70, headSize, Heads: 3));

    [Test]
    public void EntriesOfABatchAgree([Values] bool shared) => Agrees(new AttentionCase(66, 35, 32, Heads: 2, Batch: 3, shared));

    /// <summary>Scores of some hundreds: exponentials neither overflow nor vanish, and larger ones keep coming.</summary>
    [Test]
    public void LargeScoresAgree([Values(20, -20)] float sharpness) => Agrees(new AttentionCase(33, 150, Sharpness: sharpness));

    /// <summary>What rounding costs altogether: scores are off too then.</summary>
    [Test]
    public void APictureIsOffByLittle()
    {
        var picture = new AttentionCase(257, 257);
        float[] actual = picture.Run(Text(64), out _), exact = picture.Expected(rounded: false);
        double error = Math.Sqrt(actual.Zip(exact, (a, e) => Math.Pow(a - e, 2)).Sum() / exact.Sum(e => e * (double)e));
        TestContext.Out.WriteLine($"relative L2 {error:P3}, the largest difference {actual.Zip(exact, (a, e) => Math.Abs(a - e)).Max():g3}");
        Assert.That(error, Is.LessThan(0.005));
        Agrees(picture);
    }

    [Test]
    public void SharedMemoryIsReadAndFilledWithoutBankConflicts([ValueSource(nameof(HeadSizes))] int headSize)
    {
        new AttentionCase(64, 150, headSize).Run(Text(headSize), out IReadOnlyDictionary<string, int> conflicts);
        Assert.That(conflicts.Keys, Is.SupersetOf(new[] { "ldmatrix", "st.shared.v2.b32", "st.shared.v4.f32", "ld.shared.v4.f32" }));
        Assert.That(conflicts.Values, Is.All.Zero);
    }

    /// <summary>What a device would not tell: the same checks find each of these mistakes in the text.</summary>
    [TestCase(@"bar\.sync 0;", "", "without a barrier since")]
    [TestCase(@"min\.s32 (%r\d+), (%r\d+), %r\d+;", "mov.u32 $1, $2;", "are in no buffer")]
    [TestCase(@"xor\.b32 (%r\d+), (%r\d+), %r\d+;", "xor.b32 $1, $2, 0;", "bank conflicts")]
    public void MistakesAreFound(string right, string wrong, string found)
    {
        string text = Text(64), changed = Regex.Replace(text, right, wrong);
        Assert.That(changed, Is.Not.EqualTo(text));
        Assert.That(Outcome, Throws.TypeOf<PtxFault>().With.Message.Contains(found));

        void Outcome()
        {
            new AttentionCase(70, 100).Run(changed, out IReadOnlyDictionary<string, int> conflicts);
            if (conflicts.Values.Sum() > 0)
                throw new PtxFault("bank conflicts");
        }
    }

    [TestCase(@"shfl\.sync\.bfly\.b32 (%f\d+), (%f\d+), 2,", "shfl.sync.bfly.b32 $1, $2, 1,")]
    [TestCase(@"\.trans\.", ".")]
    [TestCase(@"setp\.gt\.s32", "setp.ge.s32")]
    public void WrongResultsAreFound(string right, string wrong)
    {
        string text = Text(64), changed = Regex.Replace(text, right, wrong);
        Assert.That(changed, Is.Not.EqualTo(text));
        Assert.That(Error(new AttentionCase(40, 101), changed), Is.Not.LessThan(Tolerance));
    }

    /// <summary>Speed, as far as it shows in the text: products, reads and exponentials of 32 keys and 16 queries, one barrier a tile.</summary>
    [Test]
    public void TheLoopHoldsNoMoreThanItMust()
    {
        string text = Text(64), loop = text[text.IndexOf("\nLOOP", StringComparison.Ordinal)..text.IndexOf("bra LOOP", StringComparison.Ordinal)];
        string body = loop[loop.IndexOf("// 32 keys", StringComparison.Ordinal)..loop.IndexOf("// up to 16 keys", StringComparison.Ordinal)];
        Assert.Multiple(() =>
        {
            Assert.That(Regex.Count(body, @"\bmma\.sync"), Is.EqualTo((4 * 4) + (2 * 8) + 2));
            Assert.That(Regex.Count(body, @"\bldmatrix\."), Is.EqualTo(8 + 8));
            Assert.That(Regex.Count(body, @"\bex2\.approx\.ftz"), Is.EqualTo(16 + 2));
            Assert.That(Regex.Count(loop, @"ld\.global\.nc\.v4\.f32"), Is.EqualTo(Regex.Count(loop, @"ld\.global")).And.EqualTo(8));
            Assert.That(Regex.Count(loop, @"bar\.sync"), Is.EqualTo(1));
            Assert.That(text, Does.Not.Contain(".local"));
        });
    }

    private static string Text(int headSize) => AttentionText.Write(headSize, PtxTarget.Ampere);

    private static void Agrees(AttentionCase attention) => Assert.That(Error(attention, Text(attention.HeadSize)), Is.LessThan(Tolerance), $"{attention}");

    /// <summary>The largest difference from the oracle, or NaN.</summary>
    private static double Error(AttentionCase attention, string text) =>
        attention.Run(text, out _).Zip(attention.Expected(), (actual, expected) => Math.Abs((double)actual - expected)).Max();
}
