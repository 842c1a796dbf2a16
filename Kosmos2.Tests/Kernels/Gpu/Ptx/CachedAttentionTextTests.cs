using System.Text.RegularExpressions;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>The tensor cores' attention to cached keys without a device: its text is executed here, instruction by instruction, and compared with the oracle.</summary>
internal sealed class CachedAttentionTextTests
{
    // As for attention without a cache: what rounding the weights costs.
    private const double Tolerance = 1.0 / 256;

    private static readonly CacheFormat[] Formats = [CacheFormat.Float32, CacheFormat.BFloat16];

    private static IEnumerable<int> HeadSizes => AttentionTile.HeadSizes;

    /// <summary>A prompt, all of it or what comes after a part that is cached.</summary>
    [Test]
    public void PromptsAgreeWithTheOracle([ValueSource(nameof(Formats))] CacheFormat format, [Values(1, 16, 17, 64, 71, 130)] int rows, [Values(0, 1, 50)] int before) =>
        Agrees(format, 64, Of(0, rows + before, rows));

    [Test]
    public void HeadsOfEverySizeAgree([ValueSource(nameof(Formats))] CacheFormat format, [ValueSource(nameof(HeadSizes))] int headSize) =>
        Agrees(format, headSize, Of(0, 90, 33));

    /// <summary>Sequences of many rows beside such of one, over blocks in no order.</summary>
    [Test]
    public void MixedStepsAgree([ValueSource(nameof(Formats))] CacheFormat format) =>
        Agrees(format, 32, Of(0, 38, 1), Of(10, 71, 71), Of(20, 129, 1), Of(30, 20, 20), Of(40, 3, 2), Of(50, 100, 66));

    /// <summary>Keys that are hidden here and there, before all others, from all but the last query, and all of them.</summary>
    [Test]
    public void HiddenKeysAreLeftOut([ValueSource(nameof(Formats))] CacheFormat format, [Values(40, 70)] int keys) => Agrees(
        format, 16, Of(0, keys, keys, p => p % 3 != 1), Of(10, keys, keys, p => p >= 21), Of(20, keys, keys, p => p >= keys - 1), Of(30, keys, keys, _ => false), Of(40, keys, 17, p => p >= keys - 9));

    [Test]
    public void SharedMemoryIsReadAndFilledWithoutBankConflicts([ValueSource(nameof(Formats))] CacheFormat format)
    {
        using var attention = new CachedAttentionCase(format, 64, Of(0, 150, 70));
        attention.Run(attention.Text(), out IReadOnlyDictionary<string, int> conflicts);
        Assert.That(conflicts.Keys, Is.SupersetOf(new[] { "ldmatrix", "st.shared.v2.b32", "st.shared.f32", "ld.shared.v2.f32" }));
        Assert.That(conflicts.Values, Is.All.Zero);
    }

    /// <summary>Who sees a key, whether keys behind the queries may be left out, and where keys end.</summary>
    [TestCase(@"setp\.gt\.s32", "setp.ge.s32")]
    [TestCase(@"setp\.eq\.f32 (%p\d+), (%f\d+), 0f00000000", "setp.ge.f32 $1, $2, 0fFF7FFFFF")]
    [TestCase(@"0fFF800000", "0f00000000")]
    public void WrongResultsAreFound(string right, string wrong)
    {
        using var attention = new CachedAttentionCase(CacheFormat.Float32, 64, Of(0, 70, 70, p => p >= 68));
        string text = attention.Text(), changed = Regex.Replace(text, right, wrong);
        Assert.That(changed, Is.Not.EqualTo(text));
        Assert.That(Error(attention, changed), Is.Not.LessThan(Tolerance));
    }

    /// <summary>Blocks are looked up a tile ahead: no load of the loop waits for another, nor any before the products.</summary>
    [Test]
    public void TheLoopLooksUpBlocksATileAhead([ValueSource(nameof(Formats))] CacheFormat format)
    {
        using var attention = new CachedAttentionCase(format, 64, Of(0, 1, 1));
        string text = attention.Text(), loop = text[text.IndexOf("\nLOOP", StringComparison.Ordinal)..text.IndexOf("bra LOOP", StringComparison.Ordinal)];
        int keys = loop.LastIndexOf(format == CacheFormat.Float32 ? "ld.global.nc.v4.f32" : "ld.global.nc.v2.b32", StringComparison.Ordinal);
        int biases = loop.LastIndexOf("ld.global.nc.f32", StringComparison.Ordinal), blocks = loop.IndexOf("ld.global.nc.b32", StringComparison.Ordinal);
        Assert.That(blocks, Is.GreaterThan(keys).And.GreaterThan(biases));
        Assert.That(loop.IndexOf("mma.sync", StringComparison.Ordinal), Is.GreaterThan(blocks));
        Assert.That(Regex.Count(loop, @"ld\.global"), Is.EqualTo(4 * (2 + 1 + 1)));
        Assert.That(Regex.Count(loop, @"bar\.sync"), Is.EqualTo(1));
    }

    /// <summary>A sequence whose blocks stand the other way round.</summary>
    public static SequenceRows Of(int place, int keys, int rows, Func<int, bool>? visible = null)
    {
        int blocks = (keys + KeyValueBlocks.BlockSize - 1) / KeyValueBlocks.BlockSize;
        return new SequenceRows([.. Enumerable.Range(0, blocks).Select(i => place + blocks - 1 - i)], keys, rows, visible);
    }

    private static void Agrees(CacheFormat format, int headSize, params SequenceRows[] sequences)
    {
        using var attention = new CachedAttentionCase(format, headSize, sequences);
        Assert.That(Error(attention, attention.Text()), Is.LessThan(Tolerance));
    }

    private static double Error(CachedAttentionCase attention, string text) =>
        attention.Run(text, out _).Zip(attention.Expected(), (actual, expected) => Math.Abs((double)actual - expected)).Max();
}
