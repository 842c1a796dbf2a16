using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Writes attention to cached keys for tensor cores, as <see cref="AttentionText"/> does without a cache: the rows of a step are the last tokens of their sequences, and
/// a block has up to 64 rows of one sequence.
/// </summary>
internal static class CachedAttentionText
{
    /// <summary>Types of cached numbers that there is a text for.</summary>
    public static IReadOnlyList<DType> Types { get; } = [DType.F32, DType.BF16];

    /// <summary>The kernel's name: <c>attention_cached_bf16_64</c>.</summary>
    public static string Name(DType type, int headSize) => FormattableString.Invariant($"attention_cached_{type.ToString().ToLowerInvariant()}_{headSize}");

    /// <summary>The kernel's text. Parameters: those of <see cref="CachedAttentionOperands"/>, heads, scale. Block (64 rows of a sequence, head, sequence).</summary>
    /// <param name="type">Of cached keys and values: F32 or BF16.</param>
    /// <param name="headSize">Elements of a head: 16, 32, 48 or 64.</param>
    /// <param name="target">What the text is for.</param>
    public static string Write(DType type, int headSize, PtxTarget target)
    {
        var text = new PtxText(Name(type, headSize), target, AttentionTile.Threads);
        string q = text.Pointer(), y = text.Pointer();
        (string Keys, string Values, string Bias) cache = (text.Pointer(), text.Pointer(), text.Pointer());
        string rowStarts = text.Pointer(), keyCounts = text.Pointer(), blockStarts = text.Pointer(), blocks = text.Pointer();
        string heads = text.Parameter("s32"), scale = text.Parameter("s32");
        var thread = new AttentionThread(text);
        string sequence = text.B32("mov.u32", "%ctaid.z");
        string Entry(string section, int offset = 0) =>
            text.B32("ld.global.nc.b32", At(text.B64("mad.wide.u32", sequence, sizeof(int), section), offset));
        string first = Entry(rowStarts), count = text.B32("sub.s32", Entry(rowStarts, sizeof(int)), first);
        string keyCount = Entry(keyCounts), firstBlock = Entry(blockStarts);
        // Other sequences may have more rows.
        string block = text.B32("mul.lo.u32", text.B32("mov.u32", "%ctaid.x"), AttentionTile.Queries);
        text.When(text.Predicate("setp.ge.s32", block, count), "ret");
        string table = text.B64("mad.wide.u32", firstBlock, sizeof(int), blocks);
        string stride = text.B32("mul.lo.u32", heads, headSize * sizeof(float));
        string Head(string rows) => text.B64("mad.wide.u32", thread.Head, headSize * sizeof(float), text.B64("mad.wide.s32", first, stride, rows));
        var queries = new AttentionQueries(Head(q), Head(y), stride, count);
        var keys = new CachedAttentionKeys(text, thread, type, headSize, cache, heads, table, keyCount, count);
        AttentionLoop.Write(text, thread, keys, new AttentionSums(text, thread, headSize, queries, scale));
        return text.ToString();
    }
}
