using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// What a warp keeps of its 16 queries while it walks through its keys (online softmax): the largest score so far, the sum of exponentials and the weighted sum
/// of values, the latter two rescaled when a larger score comes. A lane has rows lane / 4 and lane / 4 + 8. Scores are in units of log 2, so that
/// exponentials are powers of 2. The sum of exponentials is one more column of values, whose values are ones: it sums the weights as they were rounded.
/// </summary>
internal sealed class AttentionSums
{
    private const string Type = "bf16";
    private const float Log2E = 1.44269504f;

    private readonly PtxText _text;
    private readonly AttentionThread _thread;
    private readonly AttentionQueries _queries;
    private readonly string[] _rows;

    // [step of 16 elements][registers]
    private readonly string[][] _query;
    private readonly string[] _largest;

    // [piece of 8 elements][registers]
    private readonly string[][] _values;
    private readonly string[] _weights;
    private readonly string[] _ones;
    private readonly string[] _keyPlaces;
    private readonly string[] _valuePlaces;

    /// <param name="text">Where it is written.</param>
    /// <param name="thread">Whose share it is.</param>
    /// <param name="headSize">Elements of a row.</param>
    /// <param name="queries">The block's.</param>
    /// <param name="scale">What scores are multiplied by, as bits.</param>
    public AttentionSums(PtxText text, AttentionThread thread, int headSize, AttentionQueries queries, string scale)
    {
        (_text, _thread, _queries) = (text, thread, queries);
        _rows = [thread.FirstRow, text.B32("add.s32", thread.FirstRow, 8)];
        _query = Queries(headSize / 16, text.F32("mul.f32", text.F32("mov.b32", scale), Constant(Log2E)));
        // Not minus infinity: a query may meet keys that count for nothing before it meets its first.
        _largest = [.. _rows.Select(_ => text.F32("mov.f32", Constant(KeyValueBlocks.HiddenBias)))];
        _values = [.. Enumerable.Range(0, headSize / 8).Select(_ => Zeros())];
        _weights = Zeros();
        string ones = text.B32("mov.b32", 0x3f803f80);
        _ones = [ones, ones];
        string keys = text.B32("mul.lo.u32", thread.FirstKey, AttentionTile.Pitch);
        (string line, string half) = WarpMatrices.ColumnsFirst(text, thread.Lane);
        _keyPlaces = WarpMatrices.Addresses(text, keys, AttentionTile.Chunks, line, half, headSize / 16);
        (line, half) = WarpMatrices.RowsFirst(text, thread.Lane);
        _valuePlaces = WarpMatrices.Addresses(text, text.B32("add.u32", keys, AttentionTile.Values), AttentionTile.Chunks, line, half, headSize / 16);
    }

    /// <summary>Takes up to 32 of a tile's keys, the warp's.</summary>
    /// <param name="pieces">Pieces of 16 keys.</param>
    /// <param name="keys">All keys.</param>
    /// <param name="start">The tile's first.</param>
    /// <param name="stage">Where the tile lies in shared memory.</param>
    public void Add(int pieces, IAttentionKeys keys, string start, string stage)
    {
        string[][] scores = [.. Enumerable.Range(0, 2 * pieces).Select(_ => Zeros())];
        string[,][] key = Operands(pieces, _keyPlaces, stage, transposed: false);
        for (int step = 0; step < _query.Length; step++)
        {
            for (int piece = 0; piece < pieces; piece++)
            {
                WarpMatrices.Multiply(_text, Type, scores[2 * piece], _query[step], key[piece, step][..2]);
                WarpMatrices.Multiply(_text, Type, scores[(2 * piece) + 1], _query[step], key[piece, step][2..]);
            }
        }
        string[,][] value = Operands(pieces, _valuePlaces, stage, transposed: true);
        keys.Mask(scores, start, stage);
        Weigh(scores);
        for (int piece = 0; piece < pieces; piece++)
        {
            // Where mma leaves sums is where it takes its first operand from.
            string[] weights = [.. scores[(2 * piece)..(2 * (piece + 1))].SelectMany(s => new[] { Pair(s[0], s[1]), Pair(s[2], s[3]) })];
            WarpMatrices.Multiply(_text, Type, _weights, weights, _ones);
            for (int step = 0; step < _query.Length; step++)
            {
                WarpMatrices.Multiply(_text, Type, _values[2 * step], weights, value[piece, step][..2]);
                WarpMatrices.Multiply(_text, Type, _values[(2 * step) + 1], weights, value[piece, step][2..]);
            }
        }
    }

    /// <summary>Adds up the two halves of the keys, and writes the results. All warps must have read the last tile.</summary>
    public void Write()
    {
        string[][] mine = [.. _values, [_largest[0], _largest[1], _weights[0], _weights[2]]];
        string place = _text.B32("mad.lo.u32", _thread.QueryWarp, mine.Length * 32 * WarpMatrices.ChunkBytes, _thread.Shared);
        place = _text.B32("mad.lo.u32", _thread.Lane, WarpMatrices.ChunkBytes, place);
        string passed = _text.NewLabel("PASSED");
        _text.When($"!{_thread.HasSecondHalf}", "bra", passed);
        for (int i = 0; i < mine.Length; i++)
            _text.Do("st.shared.v4.f32", At(place, i * 32 * WarpMatrices.ChunkBytes), Group(mine[i]));
        _text.Label(passed);
        _text.Do("bar.sync", 0);
        _text.When(_thread.HasSecondHalf, "ret");
        string[][] others = [.. mine.Select(registers => _text.Registers("f", registers.Length))];
        for (int i = 0; i < others.Length; i++)
            _text.Do("ld.shared.v4.f32", Group(others[i]), At(place, i * 32 * WarpMatrices.ChunkBytes));
        string result = Address(_queries.Result);
        for (int r = 0; r < 2; r++)
        {
            string larger = _text.F32("max.f32", mine[^1][r], others[^1][r]);
            string share = Power(_text.F32("sub.f32", mine[^1][r], larger)), other = Power(_text.F32("sub.f32", others[^1][r], larger));
            string sum = _text.F32("fma.rn.f32", mine[^1][r + 2], share, _text.F32("mul.f32", others[^1][r + 2], other));
            string whole = _text.F32("rcp.approx.ftz.f32", sum);
            (share, other) = (_text.F32("mul.f32", share, whole), _text.F32("mul.f32", other, whole));
            string exists = _text.Predicate("setp.lt.s32", _rows[r], _queries.Count);
            string address = _text.B64("mad.wide.s32", _rows[r], _queries.Stride, result);
            for (int j = 0; j < _values.Length; j++)
            {
                string[] pair = [.. Enumerable.Range(2 * r, 2).Select(c =>
                    _text.F32("fma.rn.f32", mine[j][c], share, _text.F32("mul.f32", others[j][c], other)))];
                _text.When(exists, "st.global.v2.f32", At(address, 8 * j * sizeof(float)), Group(pair));
            }
        }
        _text.Do("ret");
    }

    /// <summary>All of the warp's keys or values of a tile, read together: [piece of 16 keys, step of 16 elements][registers].</summary>
    private string[,][] Operands(int pieces, string[] places, string stage, bool transposed)
    {
        const int PieceBytes = AttentionTile.Piece * AttentionTile.Pitch;
        var operands = new string[pieces, places.Length][];
        for (int step = 0; step < places.Length; step++)
        {
            string place = _text.B32("add.u32", stage, places[step]);
            for (int piece = 0; piece < pieces; piece++)
                WarpMatrices.Load(_text, operands[piece, step] = _text.Registers("r", 4), place, piece * PieceBytes, transposed);
        }
        return operands;
    }

    /// <summary>Scores become weights, as exponentials of their distance from the largest so far.</summary>
    private void Weigh(string[][] scores)
    {
        for (int r = 0; r < 2; r++)
        {
            string[] row = [.. scores.SelectMany(s => s[(2 * r)..(2 * (r + 1))])];
            // Four lanes have a row.
            string larger = _text.OverLanes("max.f32", row.Aggregate(_largest[r], (a, b) => _text.F32("max.f32", a, b)), lanes: 4);
            string faded = Power(_text.F32("sub.f32", _largest[r], larger));
            _text.Do("mov.f32", _largest[r], larger);
            foreach (string score in row)
                _text.Do("mov.f32", score, Power(_text.F32("sub.f32", score, larger)));
            foreach (string sum in _values.Append(_weights).SelectMany(s => s[(2 * r)..(2 * (r + 1))]))
                _text.Do("mul.f32", sum, sum, faded);
        }
    }

    /// <summary>The warp's queries, scaled, as the first operand of products; those past the end repeat the last.</summary>
    private string[][] Queries(int steps, string scale)
    {
        string last = _text.B32("sub.s32", _queries.Count, 1), source = Address(_queries.Source);
        string[] addresses = [.. _rows.Select(row => _text.B64("mad.wide.s32", _text.B32("min.s32", row, last), _queries.Stride, source))];
        // Registers: the first 8 elements of both rows, then the next 8.
        string[][] pairs = [.. from step in Enumerable.Range(0, 2 * steps) from address in addresses select Load(address, 8 * step * sizeof(float))];
        return [.. pairs.Select(pair => Pair(_text.F32("mul.f32", pair[0], scale), _text.F32("mul.f32", pair[1], scale))).Chunk(4)];
    }

    private string[] Load(string address, int offset)
    {
        string[] pair = _text.Registers("f", 2);
        _text.Do("ld.global.nc.v2.f32", Group(pair), At(address, offset));
        return pair;
    }

    /// <summary>Where the lane's columns of a row begin.</summary>
    private string Address(string rows) => _text.B64("mad.wide.u32", _thread.Pair, sizeof(float), rows);

    private string Power(string exponent) => _text.F32("ex2.approx.ftz.f32", exponent);

    private string Pair(string lower, string upper) => _text.RoundedPair(Type, lower, upper);

    private string[] Zeros() => [.. Enumerable.Range(0, 4).Select(_ => _text.F32("mov.f32", Constant(0)))];
}
