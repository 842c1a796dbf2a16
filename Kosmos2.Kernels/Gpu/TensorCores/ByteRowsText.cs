using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Writes the kernels that round rows of F32, normalised or as they are, to signed bytes: of each 128 inputs the largest magnitude becomes 127, halves go to even. A block takes a row, a warp a group of inputs.
/// Behind the bytes [rows, in] stand the scales [groups, rows], and room for those of a tile's rows past the last. A group that is not finite gets a scale that makes all results NaN.
/// </summary>
internal sealed class ByteRowsText
{
    /// <summary>Inputs that share a scale in each row.</summary>
    public const int GroupInputs = 128;

    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    /// <summary>Bytes of shared memory of a block: a float a warp.</summary>
    public const int SharedBytes = Warps * sizeof(float);

    private const int Lanes = 32;
    private const int Warps = Threads / Lanes;
    private const int PerLane = 4;
    private const int Largest = 127;

    private readonly PtxText _text;
    private readonly string _source;
    private readonly string _groups;
    private readonly string _lane;
    private readonly string _warp;

    private ByteRowsText(PtxText text, string source, string groups)
    {
        (_text, _groups) = (text, groups);
        string thread = text.B32("mov.u32", "%tid.x");
        (_lane, _warp) = (text.B32("and.b32", thread, 31), text.B32("shr.u32", thread, 5));
        _source = text.B64("mad.wide.u32", thread, PerLane * sizeof(float), source);
    }

    /// <summary>The kernel's name: <c>round_bytes</c>, or <c>norm_bytes</c> of the one that normalises.</summary>
    public static string Name(bool norm) => norm ? "norm_bytes" : "round_bytes";

    /// <summary>Bytes of rounded rows with all that stands behind them.</summary>
    public static long Size(int rows, int inputs) => ((long)rows * inputs) + (((long)rows * (inputs / GroupInputs)) + MatmulTile.MostByteRows) * sizeof(float);

    /// <summary>
    /// The kernel's text. Parameters: source, destination, rows, groups of a row; of the one that normalises also the norm's weight [in] and bias [in], and the bits of its epsilon. All pointers are to multiples of 16 bytes.
    /// </summary>
    public static string Write(bool norm, PtxTarget target)
    {
        var text = new PtxText(Name(norm), target, Threads);
        string source = text.Pointer(), destination = text.Pointer(), rows = text.Parameter("s32"), groups = text.Parameter("s32");
        string row = text.B32("mov.u32", "%ctaid.x");
        string first = text.B32("mul.lo.u32", row, groups);
        string bytes = text.B64("mad.wide.u32", first, GroupInputs, destination);
        string scales = text.B64("mad.wide.u32", row, sizeof(float), text.B64("mad.wide.u32", text.B32("mul.lo.u32", rows, groups), GroupInputs, destination));
        var kernel = new ByteRowsText(text, text.B64("mad.wide.u32", first, GroupInputs * sizeof(float), source), groups);
        Func<string[], string, string[]> given = norm ? kernel.Normalization(text.Pointer(), text.Pointer(), text.F32("mov.b32", text.Parameter("s32"))) : (x, _) => x;
        kernel.ForGroups((x, group) => kernel.Round(given(x, group), group, bytes, scales, rows));
        text.Do("ret");
        return text.ToString();
    }

    // This thread's four inputs of each of its warp's groups.
    private void ForGroups(Action<string[], string> body)
    {
        string group = _text.B32("mov.b32", _warp), from = _text.B64("mov.b64", _source);
        string loop = _text.NewLabel("GROUP"), done = _text.NewLabel("GROUPS");
        _text.Label(loop);
        _text.When(_text.Predicate("setp.ge.u32", group, _groups), "bra", done);
        string[] x = _text.Registers("f", PerLane);
        _text.Do("ld.global.v4.f32", Group(x), At(from));
        body(x, group);
        _text.Do("add.u32", group, group, Warps);
        _text.Do("add.s64", from, from, Threads * PerLane * sizeof(float));
        _text.Do("bra", loop);
        _text.Label(done);
    }

    // The mean and the deviation by two passes over the row, then what makes a normalised input of one of a group.
    private Func<string[], string, string[]> Normalization(string weight, string bias, string epsilon)
    {
        string count = _text.F32("cvt.rn.f32.u32", _text.B32("mul.lo.u32", _groups, GroupInputs));
        string mean = _text.F32("div.rn.f32", Sum(x => x), count);
        string squares = Sum(x =>
        {
            string distance = _text.F32("sub.f32", x, mean);
            return _text.F32("mul.f32", distance, distance);
        });
        string variance = _text.F32("add.f32", _text.F32("div.rn.f32", squares, count), epsilon);
        string factor = _text.F32("div.rn.f32", Constant(1), _text.F32("sqrt.rn.f32", variance));
        return (x, group) =>
        {
            string column = _text.B32("mad.lo.u32", group, GroupInputs, _text.B32("mul.lo.u32", _lane, PerLane));
            string[] w = _text.Registers("f", PerLane), b = _text.Registers("f", PerLane);
            _text.Do("ld.global.nc.v4.f32", Group(w), At(_text.B64("mad.wide.u32", column, sizeof(float), weight)));
            _text.Do("ld.global.nc.v4.f32", Group(b), At(_text.B64("mad.wide.u32", column, sizeof(float), bias)));
            return [.. x.Select((value, i) =>
                _text.F32("fma.rn.f32", _text.F32("mul.f32", _text.F32("sub.f32", value, mean), factor), w[i], b[i]))];
        };
    }

    // Of all inputs of the row what is made of each, added up: a thread's, a warp's, the block's.
    private string Sum(Func<string, string> term)
    {
        string sum = _text.F32("mov.f32", Constant(0));
        ForGroups((x, _) =>
        {
            string four = _text.F32("add.f32", _text.F32("add.f32", term(x[0]), term(x[1])), _text.F32("add.f32", term(x[2]), term(x[3])));
            _text.Do("add.f32", sum, sum, four);
        });
        string all = _text.OverLanes("add.f32", sum, Lanes);
        string shared = _text.B32("mov.u32", Shared);
        // Also behind what was read of the sum before.
        _text.Do("bar.sync", 0);
        _text.When(_text.Predicate("setp.eq.s32", _lane, 0), "st.shared.f32", At(_text.B32("mad.lo.u32", _warp, sizeof(float), shared)), all);
        _text.Do("bar.sync", 0);
        string[] warps = _text.Registers("f", Warps);
        for (int i = 0; i < Warps; i += PerLane)
            _text.Do("ld.shared.v4.f32", Group(warps[i..(i + PerLane)]), At(shared, i * sizeof(float)));
        return warps.Aggregate((one, other) => _text.F32("add.f32", one, other));
    }

    private void Round(string[] x, string group, string bytes, string scales, string rows)
    {
        // NaN stays NaN.
        string largest = _text.OverLanes("max.NaN.f32", x.Select(value => _text.F32("abs.f32", value)).Aggregate((one, other) => _text.F32("max.NaN.f32", one, other)), Lanes);
        string inverse = _text.F32("div.rn.f32", Constant(Largest), largest);
        string[] integers = [.. x.Select(value => _text.B32("cvt.rni.s32.f32", _text.F32("mul.f32", value, inverse)))];
        string upper = _text.B32("cvt.pack.sat.s8.s32.b32", integers[3], integers[2], 0);
        string place = _text.B32("mad.lo.u32", group, GroupInputs, _text.B32("mul.lo.u32", _lane, PerLane));
        _text.Do("st.global.b32", At(_text.B64("add.s64", bytes, _text.B64("cvt.u64.u32", place))), _text.B32("cvt.pack.sat.s8.s32.b32", integers[1], integers[0], upper));
        string scale = _text.F32("div.rn.f32", largest, Constant(Largest));
        string to = _text.B64("mad.wide.u32", _text.B32("mul.lo.u32", group, rows), sizeof(float), scales);
        _text.When(_text.Predicate("setp.eq.s32", _lane, 0), "st.global.f32", At(to), scale);
    }
}
