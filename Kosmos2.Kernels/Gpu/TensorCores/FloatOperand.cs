using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// An operand of an exact product on its way from global to shared memory, through the registers of its threads: four inputs of each of a thread's rows.
/// The first tile may begin before the first input, with zeros, so that all others are whole.
/// </summary>
internal sealed class FloatOperand
{
    private readonly PtxText _text;
    private readonly FloatTile _tile;
    private readonly DType _type;
    private readonly string _first;
    private readonly string _next;
    private readonly string[] _offsets;
    private readonly string[][] _values;

    /// <summary>Finds the thread's rows; those past the end repeat the last one, whose sums are never stored.</summary>
    /// <param name="text">Where it is written.</param>
    /// <param name="tile">How the product is cut.</param>
    /// <param name="type">The matrix's: F32, BF16 or F16.</param>
    /// <param name="matrix">[count, inputs].</param>
    /// <param name="first">The block's first row.</param>
    /// <param name="count">Rows of the matrix.</param>
    /// <param name="inputs">Its columns.</param>
    /// <param name="start">Where the first tile begins: 0 or less.</param>
    /// <param name="line">The thread's first row in the tile.</param>
    /// <param name="piece">Its first input in the tile.</param>
    /// <param name="lines">Rows of the tile.</param>
    public FloatOperand(
        PtxText text, FloatTile tile, DType type, string matrix, string first, string count, string inputs, string start, string line, string piece, int lines)
    {
        (_text, _tile, _type) = (text, tile, type);
        int bits = type == DType.F32 ? 2 : 1;
        _first = text.B32("add.s32", start, piece);
        string element = text.B64("mad.wide.s32", first, inputs, text.B64("cvt.s64.s32", start));
        _next = text.B64("add.s64", matrix, text.B64("shl.b64", element, bits));
        // Where the block's rows begin is the same for all threads and moves on; a thread keeps 32 bits of each of its rows.
        string last = text.B32("sub.s32", text.B32("sub.s32", count, 1), first);
        _offsets = new string[lines / tile.LinesAtOnce];
        _values = new string[_offsets.Length][];
        for (int i = 0; i < _offsets.Length; i++)
        {
            string row = text.B32("min.s32", i == 0 ? line : text.B32("add.s32", line, i * tile.LinesAtOnce), last);
            _offsets[i] = text.B64("cvt.u64.u32", text.B32("shl.b32", text.B32("mad.lo.u32", row, inputs, piece), bits));
            // Floats, or pairs of 16 bits in the first two.
            _values[i] = text.Registers(type == DType.F32 ? "f" : "r", type == DType.F32 ? FloatTile.Quad : FloatTile.Quad / 2);
        }
    }

    /// <summary>Asks for the inputs of the first tile, with zeros before the first one.</summary>
    public void FetchFirst()
    {
        foreach (string value in _values.SelectMany(row => row))
            _text.Do(_type == DType.F32 ? "mov.f32" : "mov.b32", value, _type == DType.F32 ? Constant(0) : 0);
        Fetch(_text.Predicate("setp.ge.s32", _first, 0));
    }

    /// <summary>Asks for the inputs of the next tile, if there is one.</summary>
    public void Fetch(string given)
    {
        for (int i = 0; i < _offsets.Length; i++)
        {
            string address = _text.B64("add.s64", _next, _offsets[i]);
            _text.When(given, _type == DType.F32 ? "ld.global.v4.f32" : "ld.global.v2.b32", Group(_values[i]), At(address));
        }
        _text.Do("add.s64", _next, _next, _tile.Depth * (_type == DType.F32 ? sizeof(float) : sizeof(ushort)));
    }

    /// <summary>Puts them, widened, into a transposed tile.</summary>
    public void Store(string address, int offset, int pitch)
    {
        for (int i = 0; i < _offsets.Length; i++)
        {
            string[] floats = _type == DType.F32 ? _values[i] : [.. _values[i].SelectMany(Widened)];
            for (int e = 0; e < floats.Length; e++)
                _text.Do("st.shared.f32", At(address, offset + (((e * pitch) + (i * _tile.LinesAtOnce)) * sizeof(float))), floats[e]);
        }
    }

    private string[] Widened(string pair)
    {
        if (_type == DType.BF16)
            return [_text.F32("mov.b32", _text.B32("shl.b32", pair, 16)), _text.F32("mov.b32", _text.B32("and.b32", pair, -65536))];
        string[] halves = _text.Registers("h", 2);
        _text.Do("mov.b32", Group(halves), pair);
        return [_text.F32("cvt.f32.f16", halves[0]), _text.F32("cvt.f32.f16", halves[1])];
    }
}
