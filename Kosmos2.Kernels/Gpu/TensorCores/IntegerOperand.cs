using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// W in small integers on its way from global to shared memory, through the registers of its threads, where eight of them at a time become
/// (q - zero) * scale, rounded to BF16: the chunk of 16 bytes that a copy would have brought. A tile is asked for one tile before it is widened, and widened
/// while the one before it is multiplied.
/// </summary>
internal sealed class IntegerOperand
{
    // The bits of 2^23 as a float, whose last place is 1: an integer in its lower bits is added to it, exactly.
    private const int Magic = 0x4B00_0000;

    // What is added to integers, as a sign bit that changes, so that none is negative.
    private const int Positive = 128;

    // What 4-bit integers are stored with.
    private const int NibbleOffset = 8;

    private readonly PtxText _text;
    private readonly MatmulTile _tile;
    private readonly MatmulCopies _copies;
    private readonly ProductParameters _at;
    private readonly InputRange _range;
    private readonly int _bits;
    private readonly int _operandBytes;
    private readonly string _position;
    private readonly string _pitch;
    private readonly string _hasZeros;
    private readonly List<Line> _lines = [];
    private string _within = "";
    private string _hasZero = "";
    private string _group = "";
    private string _source = "";

    /// <param name="text">Where it is written.</param>
    /// <param name="tile">How the product is cut.</param>
    /// <param name="copies">Those of x, whose threads and places are W's too.</param>
    /// <param name="at">The kernel's parameters.</param>
    /// <param name="bits">Of an integer: 8, or 4 with eight in a word.</param>
    /// <param name="firstOutput">The block's.</param>
    /// <param name="range">The block's inputs.</param>
    public IntegerOperand(PtxText text, MatmulTile tile, MatmulCopies copies, ProductParameters at, int bits, string firstOutput, InputRange range)
    {
        (_text, _tile, _copies, _at, _bits, _range, _operandBytes) = (text, tile, copies, at, bits, range, copies.OperandBytes);
        _position = text.B32("mov.b32", copies.Position);
        _pitch = bits == 8 ? at.Inputs : text.B32("shr.u32", at.Inputs, 1);
        _hasZeros = text.Predicate("setp.ne.u64", at.Zeros, 0);
        string last = text.B32("sub.s32", at.Outputs, 1), start = text.B32("add.s32", firstOutput, copies.Line);
        for (int line = 0; line < tile.Outputs; line += copies.LinesAtOnce)
        {
            string row = text.B32("min.s32", line == 0 ? start : text.B32("add.s32", start, line), last);
            _lines.Add(new Line(line * tile.Pitch, row, text.Registers("r", bits / 4), text.Register("f"), text.Register("r")));
        }
    }

    private sealed record Line(int Place, string Row, string[] Words, string Scale, string Zero);

    /// <summary>Chunks of a tile that each thread widens.</summary>
    public int Count => _lines.Count;

    /// <summary>Widens the first tile and asks for the second.</summary>
    public void Start()
    {
        Begin();
        Fetch(0, Count);
        Begin();
        Pass(0, Count, 0);
    }

    /// <summary>Begins to ask for the next tile: finds out where it is and whether this thread's chunk is still within the inputs.</summary>
    public void Begin()
    {
        _within = _text.Predicate("setp.lt.s32", _position, _range.End);
        _hasZero = _text.Predicate("and.pred", _within, _hasZeros);
        _group = _text.B32("div.u32", _position, _at.GroupSize);
        string offset = _bits == 8 ? _position : _text.B32("shr.u32", _position, 1);
        _source = _text.B64("add.s64", _at.W, _text.B64("cvt.u64.u32", offset));
        _text.Do("add.s32", _position, _position, _tile.Depth);
    }

    /// <summary>Puts some of the chunks that are there into shared memory, and asks for those of the next tile.</summary>
    /// <param name="from">The first.</param>
    /// <param name="to">The one after the last.</param>
    /// <param name="stage">Where the tile goes.</param>
    public void Pass(int from, int to, int stage)
    {
        foreach (Line line in _lines[from..to])
        {
            string[] pairs = [.. Widened(line).Chunk(2).Select(pair => _text.RoundedPair("bf16", pair[0], pair[1]))];
            _text.Do("st.shared.v4.b32", At(_copies.Destination, (stage * _tile.StageBytes) + _operandBytes + line.Place), Group(pairs));
        }
        Fetch(from, to);
    }

    // Behind the last input integers and scales are zero.
    private void Fetch(int from, int to)
    {
        foreach (Line line in _lines[from..to])
        {
            foreach (string word in line.Words)
                _text.Do("mov.b32", word, 0);
            _text.Do("mov.f32", line.Scale, Constant(0));
            _text.Do("mov.b32", line.Zero, 0);
            string place = _text.B32("mad.lo.u32", line.Row, _at.Groups, _group);
            string source = At(_text.B64("mad.wide.u32", line.Row, _pitch, _source));
            if (line.Words.Length == 2)
                _text.When(_within, "ld.global.nc.v2.b32", Group(line.Words), source);
            else
                _text.When(_within, "ld.global.nc.b32", line.Words[0], source);
            _text.When(_within, "ld.global.nc.f32", line.Scale, At(_text.B64("mad.wide.u32", place, sizeof(float), _at.Scales)));
            _text.When(_hasZero, "ld.global.nc.s8", line.Zero, At(_text.B64("mad.wide.u32", place, sizeof(sbyte), _at.Zeros)));
        }
    }

    private string[] Widened(Line line)
    {
        string taken = _text.F32("mov.b32", _text.B32("add.s32", line.Zero, Magic + Positive + (_bits == 8 ? 0 : NibbleOffset)));
        string[] words = _bits == 8 ? [.. line.Words.Select(word => _text.B32("xor.b32", word, unchecked((int)0x8080_8080)))] : line.Words;
        var values = new string[MatmulTile.ChunkInputs];
        for (int i = 0; i < values.Length; i++)
        {
            // A byte below the magic number's upper half, or a nibble in its lowest bits.
            string integer = _bits == 8
                ? _text.B32("prmt.b32", words[i / 4], Magic, 0x7540 + (i % 4))
                : _text.B32("or.b32", _text.B32("and.b32", i == 0 ? words[0] : _text.B32("shr.u32", words[0], 4 * i), 15), Magic + Positive);
            values[i] = _text.F32("mul.f32", _text.F32("sub.f32", _text.F32("mov.b32", integer), taken), line.Scale);
        }
        return values;
    }
}
