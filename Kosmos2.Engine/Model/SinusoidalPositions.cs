using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>
/// The decoder's positions: row p = [sin(p f_0) .. sin(p f_(half-1)), cos(p f_0) .. cos(p f_(half-1))], f_k = exp(-k ln(10000) / (half - 1)),
/// half = width / 2; an odd width ends in a zero. The padding row is all zeros. Rows are made when a position is first needed, up to
/// <see cref="MaxCount"/> (Hugging Face's Kosmos2TextSinusoidalPositionalEmbedding, after "Attention Is All You Need").
/// </summary>
internal sealed class SinusoidalPositions : IDisposable
{
    /// <summary>The most positions that there are: half a gigabyte of sines in the published model's width, 32 times what it was trained on.</summary>
    public const int MaxCount = 1 << 16;

    private readonly IBackend _backend;
    private readonly int _width;
    private readonly int _paddingRow;
    private readonly int _count; // of positions that there may be
    private DType _rounding = DType.F32;

    public SinusoidalPositions(IBackend backend, int width, int paddingRow)
    {
        _backend = backend;
        _width = width;
        _paddingRow = paddingRow;
        _count = Math.Min(MaxCount, Array.MaxLength / width);
        Table = Make(128, _rounding);
    }

    /// <summary>F32 [positions, width] on the backend.</summary>
    public Tensor Table { get; private set; }

    /// <summary>
    /// Rounds the table to F16 or BF16: what Hugging Face computes with after <c>model.half()</c> or <c>model.bfloat16()</c>, even when it is widened
    /// again. F32, the default, is what it has when a checkpoint of any type is loaded as float32.
    /// </summary>
    public void RoundTo(DType type) => Replace(Table.Rows, type);

    /// <summary>Makes sure that rows 0 to <paramref name="position"/> exist. Where that fails the table is what it was.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such position.</exception>
    public void Cover(int position)
    {
        if (position >= _count)
            throw new ArgumentOutOfRangeException(nameof(position), position, $"a sequence is too long: positions are 0 to {_count - 1}");
        if (position >= Table.Rows)
            Replace(Math.Min(Math.Max(position + 1, Table.Rows * 2), _count), _rounding);
    }

    /// <inheritdoc/>
    public void Dispose() => Table.Dispose();

    /// <summary>Rows 0 to <paramref name="rows"/> - 1, in the float32 steps of the original.</summary>
    internal static float[] Compute(int rows, int width, int paddingRow)
    {
        int half = width / 2;
        float step = (float)-(Math.Log(10000) / (half - 1));
        var values = new float[checked(rows * width)];
        for (int k = 0; k < half; k++)
        {
            float frequency = (float)Math.Exp(k * step);
            for (int p = 0; p < rows; p++)
            {
                // sine and cosine of the float32 angle: rounding the angle is part of the definition
                (double sin, double cos) = Math.SinCos(p * frequency);
                values[(p * width) + k] = (float)sin;
                values[(p * width) + half + k] = (float)cos;
            }
        }
        if (paddingRow < rows)
            values.AsSpan(paddingRow * width, width).Clear();
        return values;
    }

    private static float Round(float value, DType type) => type switch
    {
        DType.F16 => (float)(Half)value,
        DType.BF16 => BFloat16.FromBits(BFloat16.ToBits(value)),
        _ => value,
    };

    // The old table stays until there is a new one: a model that had no room for more positions goes on with those it has.
    private void Replace(int rows, DType rounding)
    {
        Tensor table = Make(rows, rounding);
        _backend.Synchronize();
        Table.Dispose();
        (Table, _rounding) = (table, rounding);
    }

    private Tensor Make(int rows, DType rounding)
    {
        float[] values = Compute(rows, _width, _paddingRow);
        if (rounding != DType.F32)
            values = Array.ConvertAll(values, value => Round(value, rounding));
        return _backend.Fill(_backend.Allocate(DType.F32, rows, _width), values);
    }
}
