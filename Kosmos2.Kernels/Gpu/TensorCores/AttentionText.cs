namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Writes attention for tensor cores: p = softmax over j of scale * (q . k[j]), y = sum over j of p[j] v[j], with q, k, v and the weights p rounded to BF16,
/// products summed in F32.
/// </summary>
internal static class AttentionText
{
    /// <summary>The kernel's name: <c>attention_64</c>.</summary>
    public static string Name(int headSize) => FormattableString.Invariant($"attention_{headSize}");

    /// <summary>
    /// Attention without mask, in F32 all around. Parameters: q, k, v, y; queries and keys of an entry of the batch, bytes of a row, query rows from one entry to the next, scale. Block (64
    /// queries, head, entry).
    /// </summary>
    /// <param name="headSize">Elements of a head: 16, 32, 48 or 64.</param>
    /// <param name="target">What the text is for.</param>
    public static string Write(int headSize, PtxTarget target)
    {
        var text = new PtxText(Name(headSize), target, AttentionTile.Threads);
        string q = text.Pointer(), k = text.Pointer(), v = text.Pointer(), y = text.Pointer();
        string count = text.Parameter("s32"), keyCount = text.Parameter("s32"), stride = text.Parameter("s32"), step = text.Parameter("s32"), scale = text.Parameter("s32");
        var thread = new AttentionThread(text);
        string entry = text.B32("mov.u32", "%ctaid.z");
        string head = text.B64("mul.wide.u32", thread.Head, headSize * sizeof(float));
        string Head(string rows, string first) => text.B64("add.s64", text.B64("mad.wide.s32", text.B32("mul.lo.s32", entry, first), stride, rows), head);
        var queries = new AttentionQueries(Head(q, step), Head(y, count), stride, count);
        var keys = new PackedAttentionKeys(text, thread, headSize, Head(k, keyCount), Head(v, keyCount), stride, keyCount, count);
        AttentionLoop.Write(text, thread, keys, new AttentionSums(text, thread, headSize, queries, scale));
        return text.ToString();
    }
}
