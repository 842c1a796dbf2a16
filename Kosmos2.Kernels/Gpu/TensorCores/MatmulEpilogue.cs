using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// From a warp's sums to y. The registers of a lane lie far apart in y, so 16 rows at a time go through the warp's own piece of shared memory, where the
/// activation is applied, and leave it in whole rows: four outputs a lane with the residual added where rows of y are aligned, one otherwise.
/// </summary>
internal sealed class MatmulEpilogue
{
    private const int Wide = 4;

    private readonly PtxText _text;
    private readonly MatmulTile _tile;
    private readonly MatmulSums _sums;
    private readonly ClusterSums? _cluster;
    private readonly string _lane;
    private readonly string _piece;
    private readonly string _written;
    private readonly string _line;
    private readonly string _column;
    private readonly string _read;

    // Rows that a warp handles at once with four outputs a lane.
    private readonly int _lines;

    public MatmulEpilogue(PtxText text, MatmulTile tile, MatmulSums sums, ClusterSums? cluster, string shared, string lane, string warp)
    {
        (_text, _tile, _sums, _cluster, _lane) = (text, tile, sums, cluster, lane);
        int pitch = tile.SumPitch * sizeof(float), lanes = tile.WarpOutputs / Wide;
        _lines = 32 / lanes;
        _piece = text.B32("mad.lo.u32", warp, 16 * pitch, shared);
        string pair = text.B32("mul.lo.u32", text.B32("and.b32", lane, 3), 2 * sizeof(float));
        _written = text.B32("add.u32", text.B32("mad.lo.u32", text.B32("shr.u32", lane, 2), pitch, pair), _piece);
        _line = text.B32("div.u32", lane, lanes);
        _column = text.B32("mul.lo.u32", text.B32("rem.u32", lane, lanes), Wide);
        _read = text.B32("add.u32", text.B32("mad.lo.u32", _line, pitch, text.B32("mul.lo.u32", _column, sizeof(float))), _piece);
    }

    /// <summary>Writes it all.</summary>
    /// <param name="row">The warp's first row.</param>
    /// <param name="output">The warp's first output.</param>
    /// <param name="at">The kernel's parameters.</param>
    public void Write(string row, string output, ProductParameters at)
    {
        (string rows, string outputs, string activation, string residual, string y) = (at.Rows, at.Outputs, at.Activation, at.Residual, at.Y);
        _cluster?.AddUp(_sums);
        string added = _text.Predicate("setp.ne.u64", residual, 0);
        string active = _text.Predicate("setp.ne.s32", activation, (int)Activation.Identity);
        // Four floats at once: rows of y, y itself and the residual must be aligned.
        string bits = _text.B64("or.b64", y, residual);
        bits = _text.B64("or.b64", bits, _text.B64("mul.wide.u32", outputs, sizeof(float)));
        string wide = _text.Predicate("setp.eq.u64", _text.B64("and.b64", bits, 15), 0);
        for (int i = 0; i < _sums.Down; i++)
        {
            _text.Remark($"rows {16 * i} to {(16 * i) + 15} of the warp");
            string inactive = _text.NewLabel("LINEAR"), narrow = _text.NewLabel("NARROW"), next = _text.NewLabel("NEXT");
            _cluster?.Skip(i, _sums.Down, next);
            if (i > 0)
                _text.Do("bar.warp.sync", -1);
            for (int j = 0; j < _sums.Across; j++)
            {
                _text.Do("st.shared.v2.f32", At(_written, 32 * j), Group(_sums[i, j][..2]));
                _text.Do("st.shared.v2.f32", At(_written, (32 * j) + (8 * _tile.SumPitch * sizeof(float))), Group(_sums[i, j][2..]));
            }
            _text.Do("bar.warp.sync", -1);
            _text.When($"!{active}", "bra", inactive);
            Activate(activation);
            _text.Label(inactive);
            string line = i == 0 ? row : _text.B32("add.s32", row, 16 * i);
            _text.When($"!{wide}", "bra", narrow);
            StoreWide(line, output, rows, outputs, added, residual, y);
            _text.Do("bra", next);
            _text.Label(narrow);
            StoreNarrow(line, output, rows, outputs, added, residual, y);
            _text.Label(next);
        }
        _cluster?.Leave();
    }

    // Each lane changes what it reads again if rows are wide; where they are not, the barrier shows the others.
    private void Activate(string activation)
    {
        string address = _text.B32("mov.b32", _read), left = _text.B32("mov.b32", 16 / _lines);
        string loop = _text.NewLabel("ACTIVATE");
        _text.Label(loop);
        string[] values = _text.Registers("f", Wide);
        _text.Do("ld.shared.v4.f32", Group(values), At(address));
        PtxActivation.Apply(_text, activation, values);
        _text.Do("st.shared.v4.f32", At(address), Group(values));
        _text.Do("add.u32", address, address, _lines * _tile.SumPitch * sizeof(float));
        _text.Do("sub.s32", left, left, 1);
        _text.When(_text.Predicate("setp.gt.s32", left, 0), "bra", loop);
        _text.Do("bar.warp.sync", -1);
    }

    private void StoreWide(string line, string output, string rows, string outputs, string added, string residual, string y)
    {
        string column = _text.B32("add.s32", output, _column), first = _text.B32("add.s32", line, _line);
        string within = _text.Predicate("setp.lt.s32", column, outputs);
        string offset = _text.B64("shl.b64", _text.B64("mad.wide.s32", first, outputs, _text.B64("cvt.s64.s32", column)), 2);
        string step = _text.B64("mul.wide.s32", outputs, _lines * sizeof(float));
        string to = _text.B64("add.s64", y, offset), from = _text.B64("add.s64", residual, offset);
        int count = 16 / _lines;
        string[] stored = new string[count];
        string[][] residuals = new string[count][];
        // All residuals are asked for before the first is used.
        for (int n = 0; n < count; n++)
        {
            string below = _text.Predicate("setp.lt.s32", n == 0 ? first : _text.B32("add.s32", first, n * _lines), rows);
            stored[n] = _text.Predicate("and.pred", below, within);
            string loaded = _text.Predicate("and.pred", stored[n], added);
            residuals[n] = _text.Registers("f", Wide);
            foreach (string register in residuals[n])
                _text.Do("mov.f32", register, Constant(0));
            _text.When(loaded, "ld.global.v4.f32", Group(residuals[n]), At(from));
            _text.Do("add.s64", from, from, step);
        }
        for (int n = 0; n < count; n++)
        {
            string[] values = _text.Registers("f", Wide);
            _text.Do("ld.shared.v4.f32", Group(values), At(_read, n * _lines * _tile.SumPitch * sizeof(float)));
            for (int e = 0; e < Wide; e++)
                _text.Do("add.f32", values[e], values[e], residuals[n][e]);
            _text.When(stored[n], "st.global.v4.f32", At(to), Group(values));
            _text.Do("add.s64", to, to, step);
        }
    }

    private void StoreNarrow(string line, string output, string rows, string outputs, string added, string residual, string y)
    {
        string element = _text.B32("mov.b32", _lane), loop = _text.NewLabel("ELEMENT");
        _text.Label(loop);
        string down = _text.B32("div.u32", element, _tile.WarpOutputs), across = _text.B32("rem.u32", element, _tile.WarpOutputs);
        string address = _text.B32("mad.lo.u32", down, _tile.SumPitch * sizeof(float), _text.B32("mad.lo.u32", across, sizeof(float), _piece));
        string value = _text.F32("ld.shared.f32", At(address));
        string row = _text.B32("add.s32", line, down), column = _text.B32("add.s32", output, across);
        string below = _text.Predicate("setp.lt.s32", row, rows);
        string stored = _text.Predicate("and.pred", _text.Predicate("setp.lt.s32", column, outputs), below);
        string offset = _text.B64("shl.b64", _text.B64("mad.wide.s32", row, outputs, _text.B64("cvt.s64.s32", column)), 2);
        string more = _text.F32("mov.f32", Constant(0));
        string loaded = _text.Predicate("and.pred", stored, added);
        _text.When(loaded, "ld.global.f32", more, At(_text.B64("add.s64", residual, offset)));
        string sum = _text.F32("add.f32", value, more);
        _text.When(stored, "st.global.f32", At(_text.B64("add.s64", y, offset)), sum);
        _text.Do("add.u32", element, element, 32);
        _text.When(_text.Predicate("setp.lt.u32", element, 16 * _tile.WarpOutputs), "bra", loop);
    }
}
