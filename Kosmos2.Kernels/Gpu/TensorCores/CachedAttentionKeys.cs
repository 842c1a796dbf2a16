using System.Numerics;
using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Keys and values in the blocks of a cache. A query attends to the visible keys up to its own place; to score a key it adds the key's bias, which hides it, and the
/// same again where the key lies behind the query. So a query that sees no visible key attends evenly to the hidden ones before it and the visible ones behind it,
/// as in the other kernels; both at once are minus infinity. Where the sequence's first key is visible no query is in that case, and keys behind the queries are left out.
/// </summary>
internal sealed class CachedAttentionKeys : IAttentionKeys
{
    private readonly PtxText _text;
    private readonly AttentionThread _thread;
    private readonly AttentionStaging _staging;
    private readonly int _rowBytes;
    private readonly string _keys;
    private readonly string _values;
    private readonly string _bias;
    private readonly string _table;
    private readonly string _heads;
    private readonly string _last;
    private readonly string _biasPlace;
    private readonly string _seen;

    // Of each row: its block, looked up a tile ahead, and its bias.
    private readonly string[] _blocks;
    private readonly string[] _biases;

    /// <param name="text">Where it is written.</param>
    /// <param name="thread">Whose share it is.</param>
    /// <param name="type">Of keys and values: F32 or BF16.</param>
    /// <param name="headSize">Elements of a row.</param>
    /// <param name="cache">A layer's keys, its values, and the keys' biases.</param>
    /// <param name="heads">Heads of a block.</param>
    /// <param name="table">The sequence's blocks.</param>
    /// <param name="count">Its keys.</param>
    /// <param name="queries">Its queries, which are its last tokens.</param>
    public CachedAttentionKeys(
        PtxText text, AttentionThread thread, DType type, int headSize, (string Keys, string Values, string Bias) cache, string heads, string table, string count, string queries)
    {
        (_text, _thread, _bias, _table, _heads) = (text, thread, cache.Bias, table, heads);
        _staging = new AttentionStaging(text, type, headSize, thread);
        _rowBytes = headSize * type.SizeInBytes();
        string element = text.B64("cvt.u64.u32", _staging.Element);
        (_keys, _values) = (text.B64("add.s64", cache.Keys, element), text.B64("add.s64", cache.Values, element));
        _last = text.B32("sub.s32", count, 1);
        _biasPlace = text.B32("mul.lo.u32", _staging.Line, sizeof(float));
        // Keys that the sequence's first query sees, less its own.
        string before = text.B32("sub.s32", count, queries);
        string firstBlock = text.B32("ld.global.nc.b32", At(table));
        string firstBias = text.F32("ld.global.nc.f32", At(text.B64("mad.wide.u32", firstBlock, KeyValueBlocks.BlockSize * sizeof(float), _bias)));
        string visible = text.Predicate("setp.eq.f32", firstBias, Constant(0));
        string Seen(string first, int more) => text.B32("add.s32", text.B32("min.s32", text.B32("add.s32", first, more), queries), before);
        string blockFirst = text.B32("mul.lo.u32", text.B32("mov.u32", "%ctaid.x"), AttentionTile.Queries);
        End = text.B32("selp.u32", Seen(blockFirst, AttentionTile.Queries), count, visible);
        string needed = text.B32("selp.u32", Seen(thread.FirstQuery, AttentionTile.WarpQueries), count, visible);
        WarpEnd = text.B32("selp.u32", needed, 0, text.Predicate("setp.lt.s32", thread.FirstQuery, queries));
        // Keys that the lane's first row sees, counted from the lane's first key of a tile.
        string row = text.B32("add.s32", thread.FirstRow, text.B32("add.s32", before, 1));
        _seen = text.B32("sub.s32", row, text.B32("add.s32", thread.FirstKey, thread.Pair));
        _blocks = text.Registers("r", AttentionStaging.Rows);
        _biases = text.Registers("f", AttentionStaging.Rows);
        LookUp(text.B32("mov.b32", _staging.Line));
    }

    /// <inheritdoc/>
    public string End { get; }

    /// <inheritdoc/>
    public string WarpEnd { get; }

    /// <inheritdoc/>
    /// <remarks>Rows past the end repeat the last one, with a bias of minus infinity.</remarks>
    public void Fetch(string start)
    {
        string line = _text.B32("add.s32", start, _staging.Line);
        for (int i = 0; i < AttentionStaging.Rows; i++)
        {
            string row = _text.B32("add.s32", line, i * AttentionStaging.Step);
            string slot = _text.B32("and.b32", _text.B32("min.s32", row, _last), KeyValueBlocks.BlockSize - 1);
            string part = _text.B32("mad.lo.u32", _blocks[i], _heads, _thread.Head);
            string place = _text.B32("mad.lo.u32", part, KeyValueBlocks.BlockSize, slot);
            _staging.Fetch(i, _text.B64("mad.wide.u32", place, _rowBytes, _keys), _text.B64("mad.wide.u32", place, _rowBytes, _values));
            string bias = _text.B64("mad.wide.u32", _text.B32("mad.lo.u32", _blocks[i], KeyValueBlocks.BlockSize, slot), sizeof(float), _bias);
            _text.Do("mov.f32", _biases[i], Constant(float.NegativeInfinity));
            _text.When(_text.Predicate("setp.le.s32", row, _last), "ld.global.nc.f32", _biases[i], At(bias));
        }
        LookUp(_text.B32("add.s32", line, AttentionTile.Keys));
    }

    /// <inheritdoc/>
    public void Store(string stage)
    {
        _staging.Store(stage);
        string place = _text.B32("add.u32", stage, _biasPlace);
        for (int i = 0; i < AttentionStaging.Rows; i++)
            _text.When(_staging.IsFirst, "st.shared.f32", At(place, AttentionTile.Biases + (i * AttentionStaging.Step * sizeof(float))), _biases[i]);
    }

    /// <inheritdoc/>
    public void Mask(string[][] scores, string start, string stage)
    {
        string first = _text.B32("sub.s32", _seen, start), second = _text.B32("add.s32", first, 8);
        string place = _text.B32("mad.lo.u32", _text.B32("add.u32", _thread.FirstKey, _thread.Pair), sizeof(float), stage);
        for (int j = 0; j < scores.Length; j++)
        {
            string[] biases = _text.Registers("f", 2);
            _text.Do("ld.shared.v2.f32", Group(biases), At(place, AttentionTile.Biases + (8 * j * sizeof(float))));
            for (int c = 0; c < 4; c++)
            {
                string seen = _text.Predicate("setp.gt.s32", c < 2 ? first : second, (8 * j) + (c % 2));
                string score = _text.F32("selp.f32", scores[j][c], Constant(KeyValueBlocks.HiddenBias), seen);
                _text.Do("add.f32", scores[j][c], score, biases[c % 2]);
            }
        }
    }

    /// <summary>Asks for the blocks of the thread's rows from one on.</summary>
    private void LookUp(string line)
    {
        for (int i = 0; i < AttentionStaging.Rows; i++)
        {
            string row = _text.B32("min.s32", _text.B32("add.s32", line, i * AttentionStaging.Step), _last);
            _text.Do("ld.global.nc.b32", _blocks[i], At(_text.B64("mad.wide.u32", _text.B32("shr.u32", row, BitOperations.Log2(KeyValueBlocks.BlockSize)), sizeof(int), _table)));
        }
    }
}
