using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Writes y[r, o] = activation(sum over i of x[r, i] W[o, i] + b[o]) + residual[r, o] for tensor cores: x [rows, in] in 16 bits and W [out, in] in the same or in small integers, which become
/// BF16 on their way in, or both in bytes; everything else in F32. in must be a multiple of 8, of bytes of 128, and x and W must begin at multiples of 16 bytes; rows and out are free. Sums begin with the bias and take the inputs
/// in order, 16 at a time, whatever the tile (bytes: see <see cref="ByteSums"/>); only where blocks split the inputs are their sums added up afterwards, in order too.
/// </summary>
internal sealed class MatmulText
{
    private readonly PtxText _text;
    private readonly MatmulTile _tile;

    private MatmulText(PtxText text, MatmulTile tile) => (_text, _tile) = (text, tile);

    /// <summary>The kernel's name: <c>linear_bf16_128x256</c>.</summary>
    public static string Name(MatmulTile tile, MatmulTypes types) => $"linear_{types}_{tile}";

    /// <summary>The kernel's text.</summary>
    /// <param name="tile">How it cuts the product.</param>
    /// <param name="types">Of x and W.</param>
    /// <param name="target">What the text is for.</param>
    public static string Write(MatmulTile tile, MatmulTypes types, PtxTarget target)
    {
        var text = new PtxText(Name(tile, types), target, tile.Threads, tile.Splits);
        new MatmulText(text, tile).Write(types);
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

    private void Write(MatmulTypes types)
    {
        var at = new ProductParameters(_text);
        string thread = _text.B32("mov.u32", "%tid.x");
        string lane = _text.B32("and.b32", thread, 31), warp = _text.B32("shr.u32", thread, 5);
        string shared = _text.B32("mov.u32", Shared);
        (string firstRow, string firstOutput) = BlockPlace.Write(_text, at.Rows, at.Outputs, _tile.Rows, _tile.Outputs);
        string warpRow = _text.B32("mul.lo.s32", _text.B32("div.u32", warp, _tile.WarpsAcross), _tile.WarpRows);
        string warpOutput = _text.B32("mul.lo.s32", _text.B32("rem.u32", warp, _tile.WarpsAcross), _tile.WarpOutputs);

        InputRange range = InputRange.Write(_text, at.Inputs, _tile.Splits, _tile.Depth);
        var copies = new MatmulCopies(_text, _tile, shared, thread, at.Inputs, range);
        copies.Operand(at.X, firstRow, at.Rows, _tile.Rows);
        IntegerOperand? integers = null;
        if (types.IsWidened)
            integers = new IntegerOperand(_text, _tile, copies, at, types.Weight == DType.I8 ? 8 : 4, firstOutput, range);
        else
            copies.Operand(at.W, firstOutput, at.Outputs, _tile.Outputs);
        string row = _text.B32("add.s32", firstRow, warpRow), output = _text.B32("add.s32", firstOutput, warpOutput);
        MatmulSums sums = types.AreBytes ? new ByteSums(_text, _tile, at, range, row, lane) : new MatmulSums(_text, _tile, Suffix(types.Rows));
        sums.Begin(at, output, lane);
        var products = new MatmulProducts(_text, _tile, copies, integers, sums, shared, lane, warpRow, warpOutput);
        products.Write(range);
        sums.End(at, output, lane);
        ClusterSums? cluster = _tile.Splits == 1 ? null : new(_text, _tile.Splits, _tile.Threads, shared, _tile.PassedBytes, thread, warp);
        new MatmulEpilogue(_text, _tile, sums, cluster, shared, lane, warp).Write(row, output, at);
        _text.Do("ret");
    }
}
