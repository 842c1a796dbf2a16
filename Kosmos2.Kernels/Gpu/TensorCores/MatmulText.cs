using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Writes y[r, o] = activation(sum over i of x[r, i] W[o, i] + b[o]) + residual[r, o] for tensor cores: x [rows, in] and W [out, in] in 16 bits, everything else
/// in F32. in must be a multiple of 8, and x and W must begin at multiples of 16 bytes; rows and out are free. Sums begin with the bias and take the inputs
/// in order, 16 at a time, whatever the tile, so that a row's result depends on no other row and on no tile.
/// </summary>
internal sealed class MatmulText
{
    private readonly PtxText _text;
    private readonly MatmulTile _tile;

    private MatmulText(PtxText text, MatmulTile tile) => (_text, _tile) = (text, tile);

    /// <summary>The kernel's name: <c>linear_bf16_128x256</c>.</summary>
    public static string Name(MatmulTile tile, DType type) => $"linear_{Suffix(type)}_{tile}";

    /// <summary>The kernel's text.</summary>
    /// <param name="tile">How it cuts the product.</param>
    /// <param name="type">Of x and W: BF16 or F16.</param>
    /// <param name="target">What the text is for.</param>
    public static string Write(MatmulTile tile, DType type, PtxTarget target)
    {
        var text = new PtxText(Name(tile, type), target, tile.Threads);
        new MatmulText(text, tile).Write(Suffix(type));
        return text.ToString();
    }

    /// <summary>The instructions' name of a type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Neither BF16 nor F16.</exception>
    public static string Suffix(DType type) => type switch
    {
        DType.BF16 => "bf16",
        DType.F16 => "f16",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "tensor cores are used for BF16 and F16"),
    };

    private void Write(string type)
    {
        string x = _text.Pointer(), w = _text.Pointer(), bias = _text.Pointer(), residual = _text.Pointer(), y = _text.Pointer();
        string rows = _text.Parameter("s32"), inputs = _text.Parameter("s32"), outputs = _text.Parameter("s32"), activation = _text.Parameter("s32");
        string thread = _text.B32("mov.u32", "%tid.x");
        string lane = _text.B32("and.b32", thread, 31), warp = _text.B32("shr.u32", thread, 5);
        string shared = _text.B32("mov.u32", Shared);
        (string firstRow, string firstOutput) = BlockPlace.Write(_text, rows, outputs, _tile.Rows, _tile.Outputs);
        string warpRow = _text.B32("mul.lo.s32", _text.B32("div.u32", warp, _tile.WarpsAcross), _tile.WarpRows);
        string warpOutput = _text.B32("mul.lo.s32", _text.B32("rem.u32", warp, _tile.WarpsAcross), _tile.WarpOutputs);

        var copies = new MatmulCopies(_text, _tile, shared, thread, inputs);
        copies.Operand(x, firstRow, rows, _tile.Rows);
        copies.Operand(w, firstOutput, outputs, _tile.Outputs);
        var sums = new MatmulSums(_text, _tile, type);
        string row = _text.B32("add.s32", firstRow, warpRow), output = _text.B32("add.s32", firstOutput, warpOutput);
        sums.Begin(bias, output, outputs, lane);
        var products = new MatmulProducts(_text, _tile, copies, sums, shared, lane, warpRow, warpOutput);
        products.Write(inputs);
        new MatmulEpilogue(_text, _tile, sums, shared, lane, warp).Write(row, output, rows, outputs, activation, residual, y);
        _text.Do("ret");
    }
}
