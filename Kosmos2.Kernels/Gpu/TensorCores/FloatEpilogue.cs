using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>From a thread's sums to y: bias, activation, then the residual, four outputs at a time where rows of y are aligned.</summary>
/// <param name="text">Where it is written.</param>
/// <param name="tile">How the product is cut.</param>
/// <param name="sums">[row of the thread, output of the thread].</param>
/// <param name="row">The thread's first row.</param>
/// <param name="output">The thread's first output.</param>
/// <param name="rows">Rows of y.</param>
/// <param name="outputs">Columns of y.</param>
internal sealed class FloatEpilogue(PtxText text, FloatTile tile, string[,] sums, string row, string output, string rows, string outputs)
{
    private const int Quad = FloatTile.Quad;

    /// <summary>Writes it all.</summary>
    public void Write(string bias, string activation, string residual, string y)
    {
        AddBias(bias);
        string linear = text.NewLabel("LINEAR"), narrow = text.NewLabel("NARROW"), done = text.NewLabel("STORED");
        text.When(text.Predicate("setp.eq.s32", activation, (int)Activation.Identity), "bra", linear);
        PtxActivation.Apply(text, activation, [.. sums.Cast<string>()]);
        text.Label(linear);
        string added = text.Predicate("setp.ne.u64", residual, 0);
        string bits = text.B64("or.b64", text.B64("or.b64", y, residual), text.B64("mul.wide.u32", outputs, sizeof(float)));
        text.When(text.Predicate("setp.ne.u64", text.B64("and.b64", bits, 15), 0), "bra", narrow);
        for (int i = 0; i < sums.GetLength(0); i += Quad)
            Store(i, Quad, added, residual, y);
        text.Do("bra", done);
        text.Label(narrow);
        for (int i = 0; i < sums.GetLength(0); i += Quad)
            Store(i, 1, added, residual, y);
        text.Label(done);
    }

    private static int Offset(int index, int span) => (index / Quad * span) + (index % Quad);

    private void AddBias(string bias)
    {
        string given = text.Predicate("setp.ne.u64", bias, 0);
        string address = text.B64("mad.wide.u32", output, sizeof(float), bias);
        for (int j = 0; j < sums.GetLength(1); j++)
        {
            string within = text.Predicate("setp.lt.s32", text.B32("add.s32", output, Offset(j, tile.OutputSpan)), outputs);
            string value = text.F32("mov.f32", Constant(0));
            text.When(text.Predicate("and.pred", within, given), "ld.global.nc.f32", value, At(address, Offset(j, tile.OutputSpan) * sizeof(float)));
            for (int i = 0; i < sums.GetLength(0); i++)
                text.Do("add.f32", sums[i, j], sums[i, j], value);
        }
    }

    // Four rows; all residuals are asked for before the first row is stored, since y may be the residual.
    private void Store(int first, int width, string added, string residual, string y)
    {
        string suffix = width == 1 ? "f32" : "v4.f32";
        var stores = new List<(string Stored, string To, string[] Values)>();
        for (int i = first; i < first + Quad; i++)
        {
            string line = text.B32("add.s32", row, Offset(i, tile.RowSpan));
            string below = text.Predicate("setp.lt.s32", line, rows);
            string element = text.B64("mad.wide.s32", line, outputs, text.B64("cvt.s64.s32", output));
            string offset = text.B64("shl.b64", element, 2);
            string to = text.B64("add.s64", y, offset), from = text.B64("add.s64", residual, offset);
            for (int j = 0; j < sums.GetLength(1); j += width)
            {
                string within = text.Predicate("setp.lt.s32", text.B32("add.s32", output, Offset(j, tile.OutputSpan)), outputs);
                string stored = text.Predicate("and.pred", within, below);
                string[] more = text.Registers("f", width);
                foreach (string register in more)
                    text.Do("mov.f32", register, Constant(0));
                text.When(text.Predicate("and.pred", stored, added), $"ld.global.{suffix}", Operand(more), At(from, Offset(j, tile.OutputSpan) * sizeof(float)));
                for (int e = 0; e < width; e++)
                    text.Do("add.f32", more[e], more[e], sums[i, j + e]);
                stores.Add((stored, At(to, Offset(j, tile.OutputSpan) * sizeof(float)), more));
            }
        }
        foreach ((string stored, string to, string[] values) in stores)
            text.When(stored, $"st.global.{suffix}", to, Operand(values));
    }

    private static string Operand(string[] registers) => registers.Length == 1 ? registers[0] : Group(registers);
}
