using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Writes y[r, o] = activation(sum over i of x[r, i] W[o, i] + b[o]) + residual[r, o] in F32, with W in F32, BF16 or F16, widened on its way in. in must be a
/// multiple of 4, and x and W must begin at multiples of 16 bytes; rows and out are free. Products are added in the order of the inputs, as in
/// <see cref="Kernels.LinearKernels"/>, so that a row has the same bits from either. Tiles pass through registers to shared memory, transposed to
/// [input][row], where a thread reads four rows at once; while one is multiplied the next is on its way.
/// </summary>
internal sealed class FloatMatmulText
{
    private const int Quad = FloatTile.Quad;
    private const int Depth = FloatTile.Depth;

    private readonly PtxText _text;
    private readonly FloatTile _tile;
    private readonly string _piece;
    private readonly string _line;
    private readonly string _row;
    private readonly string _output;
    private readonly string _shared;

    private FloatMatmulText(PtxText text, FloatTile tile)
    {
        (_text, _tile) = (text, tile);
        string thread = text.B32("mov.u32", "%tid.x");
        _shared = text.B32("mov.u32", Shared);
        // What a thread brings: four inputs of a row.
        _piece = text.B32("mul.lo.u32", text.B32("and.b32", thread, 3), Quad);
        _line = text.B32("shr.u32", thread, 2);
        // What it computes: lanes of a warp lie 4 x 8, warps 4 x 2.
        string lane = text.B32("and.b32", thread, 31), warp = text.B32("shr.u32", thread, 5);
        _row = text.B32("mul.lo.u32", text.B32("mad.lo.u32", text.B32("shr.u32", warp, 1), 4, text.B32("shr.u32", lane, 3)), Quad);
        _output = text.B32("mul.lo.u32", text.B32("mad.lo.u32", text.B32("and.b32", warp, 1), 8, text.B32("and.b32", lane, 7)), Quad);
    }

    /// <summary>The kernel's name: <c>linear_exact_bf16_128x128</c>.</summary>
    public static string Name(FloatTile tile, DType type) => $"linear_exact_{type.ToString().ToLowerInvariant()}_{tile}";

    /// <summary>The kernel's text.</summary>
    /// <param name="tile">How it cuts the product.</param>
    /// <param name="type">Of W: F32, BF16 or F16.</param>
    /// <param name="target">What the text is for.</param>
    public static string Write(FloatTile tile, DType type, PtxTarget target)
    {
        var text = new PtxText(Name(tile, type), target, FloatTile.Threads);
        var at = new ProductParameters(text);
        (string firstRow, string firstOutput) = BlockPlace.Write(text, at.Rows, at.Outputs, tile.Rows, tile.Outputs);
        var matmul = new FloatMatmulText(text, tile);
        FloatOperand[] operands =
        [
            new(text, DType.F32, at.X, firstRow, at.Rows, at.Inputs, matmul._line, matmul._piece, tile.Rows),
            new(text, type, at.W, firstOutput, at.Outputs, at.Inputs, matmul._line, matmul._piece, tile.Outputs),
        ];
        string[,] sums = matmul.Products(operands, at.Inputs);
        var epilogue = new FloatEpilogue(
            text, sums, text.B32("add.u32", firstRow, matmul._row), text.B32("add.u32", firstOutput, matmul._output), at.Rows, at.Outputs);
        epilogue.Write(at.Bias, at.Activation, at.Residual, at.Y);
        text.Do("ret");
        return text.ToString();
    }

    /// <summary>The loop over all inputs. Sums: [row of the thread, output of the thread].</summary>
    private string[,] Products(FloatOperand[] operands, string inputs)
    {
        int down = _tile.Rows / FloatTile.Span * Quad, across = _tile.Outputs / FloatTile.Span * Quad;
        var sums = new string[down, across];
        for (int i = 0; i < down; i++)
        {
            for (int j = 0; j < across; j++)
                sums[i, j] = _text.F32("mov.f32", Constant(0));
        }
        // Inputs 8 to 15 have their rows in another order, eights swapped, so that the four writers of a row meet no bank twice.
        string turned = _text.B32("and.b32", _piece, 8);
        string place = _text.B32("mul.lo.u32", _text.B32("xor.b32", _line, turned), sizeof(float));
        string toRows = _text.B32("add.u32", _text.B32("mad.lo.u32", _piece, _tile.RowPitch * sizeof(float), place), _shared);
        string toOutputs = _text.B32("add.u32", _text.B32("mad.lo.u32", _piece, _tile.OutputPitch * sizeof(float), place), _shared);
        string[] rows = Turns(_row), outputs = Turns(_output);

        string left = _text.B32("div.u32", _text.B32("add.u32", inputs, Depth - 1), Depth);
        string loop = _text.NewLabel("LOOP"), done = _text.NewLabel("DONE");
        Fetch(operands, inputs);
        Store(operands, toRows, toOutputs, 0);
        _text.Do("bar.sync", 0);
        _text.Label(loop);
        for (int stage = 0; stage < 2; stage++)
        {
            _text.Remark($"the tile in stage {stage}");
            Fetch(operands, inputs);
            Multiply(sums, rows, outputs, stage);
            Store(operands, toRows, toOutputs, 1 - stage);
            _text.Do("bar.sync", 0);
            _text.Do("sub.s32", left, left, 1);
            if (stage == 0)
                _text.When(_text.Predicate("setp.le.s32", left, 0), "bra", done);
        }
        _text.When(_text.Predicate("setp.gt.s32", left, 0), "bra", loop);
        _text.Label(done);
        return sums;
    }

    private static void Fetch(FloatOperand[] operands, string inputs)
    {
        foreach (FloatOperand operand in operands)
            operand.Fetch(inputs);
    }

    private void Store(FloatOperand[] operands, string toRows, string toOutputs, int stage)
    {
        operands[0].Store(toRows, stage * _tile.StageBytes, _tile.RowPitch);
        operands[1].Store(toOutputs, (stage * _tile.StageBytes) + (Depth * _tile.RowPitch * sizeof(float)), _tile.OutputPitch);
    }

    private void Multiply(string[,] sums, string[] rows, string[] outputs, int stage)
    {
        int start = stage * _tile.StageBytes, outputStart = start + (Depth * _tile.RowPitch * sizeof(float));
        string[] a = [], b = [];
        for (int k = -1; k < Depth; k++)
        {
            // The next input's numbers are read before this one's are multiplied.
            string[] nextA = [], nextB = [];
            if (k + 1 < Depth)
            {
                nextA = Read(rows[(k + 1) / 8], start + ((k + 1) * _tile.RowPitch * sizeof(float)), sums.GetLength(0));
                nextB = Read(outputs[(k + 1) / 8], outputStart + ((k + 1) * _tile.OutputPitch * sizeof(float)), sums.GetLength(1));
            }
            for (int i = 0; i < a.Length; i++)
            {
                for (int j = 0; j < b.Length; j++)
                    _text.Do("fma.rn.f32", sums[i, j], a[i], b[j], sums[i, j]);
            }
            (a, b) = (nextA, nextB);
        }
    }

    private string[] Read(string address, int offset, int count)
    {
        string[] values = _text.Registers("f", count);
        for (int i = 0; i < count; i += Quad)
            _text.Do("ld.shared.v4.f32", Group(values[i..(i + Quad)]), At(address, offset + (i / Quad * FloatTile.Span * sizeof(float))));
        return values;
    }

    // Where a quad lies in the tile of the first eight inputs, and of the others.
    private string[] Turns(string quad)
    {
        string other = _text.B32("xor.b32", quad, 8);
        return [_text.B32("mad.lo.u32", quad, sizeof(float), _shared), _text.B32("mad.lo.u32", other, sizeof(float), _shared)];
    }
}
