using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Keys and values one after another, [batch * keys, heads * headSize] in F32, all of which every query attends to.</summary>
internal sealed class PackedAttentionKeys : IAttentionKeys
{
    private readonly PtxText _text;
    private readonly AttentionThread _thread;
    private readonly AttentionStaging _staging;
    private readonly string _keys;
    private readonly string _values;
    private readonly string _stride;

    /// <param name="text">Where it is written.</param>
    /// <param name="thread">Whose share it is.</param>
    /// <param name="headSize">Elements of a row.</param>
    /// <param name="keys">Address of the head of the block's first key.</param>
    /// <param name="values">Address of the head of its first value.</param>
    /// <param name="stride">Bytes from one row to the next.</param>
    /// <param name="count">How many there are, at least one.</param>
    /// <param name="queries">How many queries there are.</param>
    public PackedAttentionKeys(PtxText text, AttentionThread thread, int headSize, string keys, string values, string stride, string count, string queries)
    {
        (_text, _thread, _stride, End) = (text, thread, stride, count);
        _staging = new AttentionStaging(text, DType.F32, headSize, thread);
        string element = text.B64("cvt.u64.u32", _staging.Element);
        (_keys, _values) = (text.B64("add.s64", keys, element), text.B64("add.s64", values, element));
        WarpEnd = text.B32("selp.u32", count, 0, text.Predicate("setp.lt.s32", thread.FirstQuery, queries));
    }

    /// <inheritdoc/>
    public string End { get; }

    /// <inheritdoc/>
    public string WarpEnd { get; }

    /// <inheritdoc/>
    /// <remarks>Rows past the end repeat the last one.</remarks>
    public void Fetch(string start)
    {
        string line = _text.B32("add.s32", start, _staging.Line), last = _text.B32("sub.s32", End, 1);
        for (int i = 0; i < AttentionStaging.Rows; i++)
        {
            string row = _text.B32("min.s32", _text.B32("add.s32", line, i * AttentionStaging.Step), last);
            _staging.Fetch(i, _text.B64("mad.wide.s32", row, _stride, _keys), _text.B64("mad.wide.s32", row, _stride, _values));
        }
    }

    /// <inheritdoc/>
    public void Store(string stage) => _staging.Store(stage);

    /// <inheritdoc/>
    public void Mask(string[][] scores, string start, string stage)
    {
        string left = _text.B32("sub.s32", _text.B32("sub.s32", End, start), _thread.FirstKey);
        string all = _text.NewLabel("ALL");
        _text.When(_text.Predicate("setp.ge.s32", left, 8 * scores.Length), "bra", all);
        string behind = _text.B32("sub.s32", left, _thread.Pair);
        for (int j = 0; j < scores.Length; j++)
        {
            for (int c = 0; c < 2; c++)
            {
                string exists = _text.Predicate("setp.gt.s32", behind, (8 * j) + c);
                _text.Do("selp.f32", scores[j][c], scores[j][c], Constant(float.NegativeInfinity), exists);
                _text.Do("selp.f32", scores[j][c + 2], scores[j][c + 2], Constant(float.NegativeInfinity), exists);
            }
        }
        _text.Label(all);
    }
}
