using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// The sums of bytes times bytes: within a tile, whose inputs share a scale in each row, exact in 32-bit integers; between tiles in F32. Integers begin as the bits of 1.5 * 2^23,
/// so that the sum's bits are a float as they stand, which a subtraction makes the sum itself: |sum| is at most 128 * 127 * 128, less than 2^22.
/// </summary>
internal sealed class ByteSums : MatmulSums
{
    private const int Magic = 0x4B40_0000;

    private readonly PtxText _text;
    private readonly string[,][] _integers;
    private readonly string[] _scales;
    private readonly string _magic;
    private readonly string _source;
    private readonly string _pitch;

    /// <param name="text">Where it is written.</param>
    /// <param name="tile">How the product is cut; its depth is a group of inputs.</param>
    /// <param name="at">The kernel's parameters.</param>
    /// <param name="range">The block's inputs, in pairs of bytes.</param>
    /// <param name="row">The warp's first.</param>
    /// <param name="lane">Of this thread.</param>
    public ByteSums(PtxText text, MatmulTile tile, ProductParameters at, InputRange range, string row, string lane)
        : base(text, tile, "s8")
    {
        _text = text;
        _integers = Pieces(text, tile, "r");
        _scales = text.Registers("f", 2 * Down);
        _magic = text.B32("mov.b32", Magic);
        _pitch = text.B64("mul.wide.u32", at.Rows, sizeof(float));
        // The scales [groups, rows] stand behind the bytes; this lane's rows are 8 apart.
        string scales = text.B64("add.s64", at.X, text.B64("mul.lo.s64", text.B64("mul.wide.u32", at.Rows, 2), text.B64("cvt.u64.u32", at.Inputs)));
        // A block without inputs multiplies zeros once, by scales that are there.
        string group = text.B32("div.u32", text.B32("min.u32", range.First, text.B32("sub.u32", at.Inputs, 1)), tile.Depth);
        string first = text.B32("mad.lo.u32", group, at.Rows, text.B32("add.u32", row, text.B32("shr.u32", lane, 2)));
        _source = text.B64("mad.wide.u32", first, sizeof(float), scales);
    }

    /// <summary>Every sum begins with zero: its bias is added to what it is in the end.</summary>
    public override void Begin(ProductParameters at, string output, string lane)
    {
        foreach (string register in All.SelectMany(piece => piece))
            _text.Do("mov.f32", register, Constant(0));
    }

    /// <summary>Asks for the scales of the tile's inputs.</summary>
    public override void BeginTile()
    {
        for (int i = 0; i < _scales.Length; i++)
            _text.Do("ld.global.nc.f32", _scales[i], At(_source, 8 * i * sizeof(float)));
        _text.Do("add.s64", _source, _source, _pitch);
    }

    public override void Add(int step, int i, int j, string[] a, string[] b) => _text.Do(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32",
        Group(_integers[i, j]), Group(a), Group(b), step == 0 ? Group(_magic, _magic, _magic, _magic) : Group(_integers[i, j]));

    /// <summary>Adds the tile's sums, times the rows' scales.</summary>
    public override void EndTile()
    {
        string magic = Constant(BitConverter.Int32BitsToSingle(Magic));
        for (int i = 0; i < Down; i++)
        {
            for (int j = 0; j < Across; j++)
            {
                for (int c = 0; c < 4; c++)
                {
                    string exact = _text.F32("sub.f32", _text.F32("mov.b32", _integers[i, j][c]), magic);
                    _text.Do("fma.rn.f32", this[i, j][c], exact, _scales[(2 * i) + (c / 2)], this[i, j][c]);
                }
            }
        }
    }

    /// <summary>Every sum times its output's scale, and its bias.</summary>
    public override void End(ProductParameters at, string output, string lane)
    {
        for (int j = 0; j < Across; j++)
        {
            for (int c = 0; c < 2; c++)
            {
                string scale = OfColumn(at.Scales, at, output, lane, j, c), bias = BiasOf(at, output, lane, j, c);
                for (int i = 0; i < Down; i++)
                {
                    foreach (int half in (int[])[c, c + 2])
                        _text.Do("fma.rn.f32", this[i, j][half], this[i, j][half], scale, bias);
                }
            }
        }
    }
}
