using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Writes y[r, o] = activation(sum over i of x[r, i] W[o, i] + b[o]) + residual[r, o] in F32, with W in F32, BF16 or F16, widened on its way in. in must be a
/// multiple of 4, and x and W must begin at multiples of 16 bytes; rows and out are free. Products are added in the order of the inputs, as in
/// <see cref="Kernels.TiledLinearKernels"/>, so that a row has the same bits from either. Tiles pass through registers to shared memory, transposed to
/// [input][row], where a thread reads four rows at once; while one is multiplied the next is on its way.
/// </summary>
internal sealed class FloatMatmulText
{
    private const int Quad = FloatTile.Quad;

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
        _piece = text.B32("mul.lo.u32", text.B32("rem.u32", thread, tile.Depth / Quad), Quad);
        _line = text.B32("div.u32", thread, tile.Depth / Quad);
        // What it computes: lanes of a warp lie 4 x 8, warps in two columns. Of a lane's bits, 1 and 4 are those of its row, the others those of its outputs:
        // lanes that differ in bit 0 read the same rows, lanes that differ in bit 1 the same outputs, and shared memory serves such pairs twice as fast.
        string lane = text.B32("and.b32", thread, 31), warp = text.B32("shr.u32", thread, 5);
        string row = text.B32("or.b32", text.B32("and.b32", text.B32("shr.u32", lane, 1), 1), text.B32("and.b32", text.B32("shr.u32", lane, 3), 2));
        string output = text.B32("or.b32", text.B32("and.b32", lane, 1), text.B32("and.b32", text.B32("shr.u32", lane, 1), 6));
        _row = text.B32("mul.lo.u32", text.B32("mad.lo.u32", text.B32("shr.u32", warp, 1), 4, row), Quad);
        _output = text.B32("mul.lo.u32", text.B32("mad.lo.u32", text.B32("and.b32", warp, 1), 8, output), Quad);
    }

    /// <summary>The kernel's name: <c>linear_exact_bf16_128x128_8x8</c>.</summary>
    public static string Name(FloatTile tile, DType type) => $"linear_exact_{type.ToString().ToLowerInvariant()}_{tile}";

    /// <summary>The kernel's text.</summary>
    /// <param name="tile">How it cuts the product.</param>
    /// <param name="type">Of W: F32, BF16 or F16.</param>
    /// <param name="target">What the text is for.</param>
    public static string Write(FloatTile tile, DType type, PtxTarget target)
    {
        var text = new PtxText(Name(tile, type), target, tile.Threads, beside: tile.Beside);
        var at = new ProductParameters(text);
        (string firstRow, string firstOutput) = BlockPlace.Write(text, at.Rows, at.Outputs, tile.Rows, tile.Outputs);
        var matmul = new FloatMatmulText(text, tile);
        string tiles = text.B32("div.u32", text.B32("add.u32", at.Inputs, tile.Depth - 1), tile.Depth);
        string start = text.B32("sub.s32", at.Inputs, text.B32("mul.lo.s32", tiles, tile.Depth));
        FloatOperand[] operands =
        [
            new(text, tile, DType.F32, at.X, firstRow, at.Rows, at.Inputs, start, matmul._line, matmul._piece, tile.Rows),
            new(text, tile, type, at.W, firstOutput, at.Outputs, at.Inputs, start, matmul._line, matmul._piece, tile.Outputs),
        ];
        string[,] sums = matmul.Products(operands, tiles);
        var epilogue = new FloatEpilogue(
            text, tile, sums, text.B32("add.u32", firstRow, matmul._row), text.B32("add.u32", firstOutput, matmul._output), at.Rows, at.Outputs);
        epilogue.Write(at.Bias, at.Activation, at.Residual, at.Y);
        text.Do("ret");
        return text.ToString();
    }

    /// <summary>The loop over all tiles, of which there are <paramref name="left"/>. Sums: [row of the thread, output of the thread].</summary>
    private string[,] Products(FloatOperand[] operands, string left)
    {
        var sums = new string[_tile.ThreadRows, _tile.ThreadOutputs];
        for (int i = 0; i < _tile.ThreadRows; i++)
        {
            for (int j = 0; j < _tile.ThreadOutputs; j++)
                sums[i, j] = _text.F32("mov.f32", Constant(0));
        }
        string turned = _text.B32("mul.lo.u32", _text.B32("shr.u32", _piece, 3), _tile.Turn);
        string place = _text.B32("mul.lo.u32", _text.B32("xor.b32", _line, turned), sizeof(float));
        string toRows = _text.B32("add.u32", _text.B32("mad.lo.u32", _piece, _tile.RowPitch * sizeof(float), place), _shared);
        string toOutputs = _text.B32("add.u32", _text.B32("mad.lo.u32", _piece, _tile.OutputPitch * sizeof(float), place), _shared);
        string[] rows = Turns(_row), outputs = Turns(_output);
        // From the stage that is read to the one that is filled.
        string across = _text.B32("mov.u32", _tile.StageBytes);
        string loop = _text.NewLabel("LOOP");

        foreach (FloatOperand operand in operands)
            operand.FetchFirst();
        Store(operands, toRows, toOutputs);
        Move("add.s32", [toRows, toOutputs], across);
        FetchNext(operands, left);
        _text.Do("bar.sync", 0);
        _text.Label(loop);
        Multiply(sums, rows, outputs);
        Store(operands, toRows, toOutputs);
        _text.Do("sub.s32", left, left, 1);
        FetchNext(operands, left);
        _text.Do("bar.sync", 0);
        Move("add.s32", [.. rows, .. outputs], across);
        Move("sub.s32", [toRows, toOutputs], across);
        _text.Do("sub.s32", across, 0, across);
        _text.When(_text.Predicate("setp.gt.s32", left, 0), "bra", loop);
        return sums;
    }

    // Before the barrier, behind which the assembler would put off these loads until their results are needed.
    private void FetchNext(FloatOperand[] operands, string left)
    {
        string given = _text.Predicate("setp.gt.s32", left, 1);
        foreach (FloatOperand operand in operands)
            operand.Fetch(given);
    }

    private void Store(FloatOperand[] operands, string toRows, string toOutputs)
    {
        operands[0].Store(toRows, 0, _tile.RowPitch);
        operands[1].Store(toOutputs, _tile.Depth * _tile.RowPitch * sizeof(float), _tile.OutputPitch);
    }

    private void Move(string operation, string[] addresses, string across)
    {
        foreach (string address in addresses)
            _text.Do(operation, address, address, across);
    }

    private void Multiply(string[,] sums, string[] rows, string[] outputs)
    {
        string[] a = [], b = [];
        for (int k = -1; k < _tile.Depth; k++)
        {
            // The next input's numbers are read before this one's are multiplied.
            string[] nextA = [], nextB = [];
            if (k + 1 < _tile.Depth)
            {
                nextA = Read(rows[(k + 1) / 8], (k + 1) * _tile.RowPitch, _tile.ThreadRows, _tile.RowSpan);
                nextB = Read(outputs[(k + 1) / 8], (_tile.Depth * _tile.RowPitch) + ((k + 1) * _tile.OutputPitch), _tile.ThreadOutputs, _tile.OutputSpan);
            }
            // To and fro: neighbours share a row or an output, which stays beside the multiplier. Registers have two banks, each of which gives one number a
            // clock; so three numbers a product would be one too many.
            for (int i = 0; i < a.Length; i++)
            {
                for (int step = 0; step < b.Length; step++)
                {
                    int j = i % 2 == 0 ? step : b.Length - 1 - step;
                    _text.Do("fma.rn.f32", sums[i, j], a[i], b[j], sums[i, j]);
                }
            }
            (a, b) = (nextA, nextB);
        }
    }

    private string[] Read(string address, int offset, int count, int span)
    {
        string[] values = _text.Registers("f", count);
        for (int i = 0; i < count; i += Quad)
            _text.Do("ld.shared.v4.f32", Group(values[i..(i + Quad)]), At(address, (offset + (i / Quad * span)) * sizeof(float)));
        return values;
    }

    // Where a quad lies in the tile, for each eight inputs.
    private string[] Turns(string quad) => [.. Enumerable.Range(0, _tile.Depth / 8).Select(eight =>
        _text.B32("mad.lo.u32", _text.B32("xor.b32", quad, eight * _tile.Turn), sizeof(float), _shared))];
}
