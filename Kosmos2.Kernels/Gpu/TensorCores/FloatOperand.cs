using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>An operand of an exact product on its way from global to shared memory, through the registers of its threads: four inputs of each 64th row.</summary>
internal sealed class FloatOperand
{
    private readonly PtxText _text;
    private readonly DType _type;
    private readonly string _position;
    private readonly string[] _sources;
    private readonly string[][] _values;

    /// <summary>Finds the thread's rows; those past the end repeat the last one, whose sums are never stored.</summary>
    public FloatOperand(
        PtxText text, DType type, string matrix, string first, string count, string inputs, string line, string piece, int lines)
    {
        (_text, _type) = (text, type);
        _position = text.B32("mov.b32", piece);
        string last = text.B32("sub.s32", count, 1), start = text.B32("add.s32", first, line);
        _sources = new string[lines / FloatTile.Span];
        _values = new string[_sources.Length][];
        for (int i = 0; i < _sources.Length; i++)
        {
            string row = text.B32("min.s32", i == 0 ? start : text.B32("add.s32", start, i * FloatTile.Span), last);
            string element = text.B64("mad.wide.s32", row, inputs, text.B64("cvt.u64.u32", piece));
            _sources[i] = text.B64("add.s64", matrix, text.B64("shl.b64", element, type == DType.F32 ? 2 : 1));
            // Floats, or pairs of 16 bits in the first two.
            _values[i] = text.Registers(type == DType.F32 ? "f" : "r", type == DType.F32 ? FloatTile.Quad : FloatTile.Quad / 2);
        }
    }

    /// <summary>Asks for the next four inputs, zeros past the end.</summary>
    public void Fetch(string inputs)
    {
        string within = _text.Predicate("setp.lt.s32", _position, inputs);
        for (int i = 0; i < _sources.Length; i++)
        {
            foreach (string value in _values[i])
                _text.Do(_type == DType.F32 ? "mov.f32" : "mov.b32", value, _type == DType.F32 ? Constant(0) : 0);
            _text.When(within, _type == DType.F32 ? "ld.global.nc.v4.f32" : "ld.global.nc.v2.b32", Group(_values[i]), At(_sources[i]));
            _text.Do("add.s64", _sources[i], _sources[i], FloatTile.Depth * (_type == DType.F32 ? sizeof(float) : sizeof(ushort)));
        }
        _text.Do("add.s32", _position, _position, FloatTile.Depth);
    }

    /// <summary>Puts them, widened, into a transposed tile.</summary>
    public void Store(string address, int offset, int pitch)
    {
        for (int i = 0; i < _sources.Length; i++)
        {
            string[] floats = _type == DType.F32 ? _values[i] : [.. _values[i].SelectMany(Widened)];
            for (int e = 0; e < floats.Length; e++)
                _text.Do("st.shared.f32", At(address, offset + (((e * pitch) + (i * FloatTile.Span)) * sizeof(float))), floats[e]);
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
