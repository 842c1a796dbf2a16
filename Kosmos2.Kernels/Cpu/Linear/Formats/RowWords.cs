using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Rows on their way into words of two bfloat16s or four bytes. Conversions take <see cref="Piece"/> inputs at a time; rows end where they
/// end, and what a piece lacks is zeros.
/// </summary>
internal static unsafe class RowWords
{
    /// <summary>Inputs converted at once.</summary>
    public const int Piece = 64;

    /// <summary>A row as it enters the product: itself, or normalised into <paramref name="room"/>.</summary>
    public static float* Row(in PackedRows rows, int row, float* room)
    {
        float* source = rows.Source + ((nint)row * rows.Inputs);
        if (rows.Norm is not { } norm)
            return source;
        Normalization.Row<Simd512>(source, room, rows.Inputs, norm);
        return room;
    }

    /// <summary>
    /// Factor to and from integers of -127 to 127: the row's largest magnitude becomes 127. A row that is not finite gets a scale that makes all its
    /// results NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (float Inverse, float Scale) Range(float* row, int inputs)
    {
        Vector512<float> most = default;
        Vector512<float> zero = default; // x * 0 is NaN for what is not finite
        for (int i = 0; i < inputs; i += Vector512<float>.Count)
        {
            Vector512<float> x = Load(row, i, inputs);
            most = Vector512.Max(most, Vector512.Abs(x));
            zero += x * Vector512<float>.Zero;
        }
        float largest = float.NegativeInfinity;
        for (int lane = 0; lane < Vector512<float>.Count; lane++)
            largest = MathF.Max(largest, most[lane]);
        if (Vector512.Sum(zero) != 0)
            return (0, float.NaN);
        return largest == 0 ? (0, 0) : (127 / largest, largest / 127);
    }

    /// <summary>Sixteen words of four signed bytes: the integers nearest to 64 inputs times <paramref name="inverse"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<sbyte> Bytes(float* row, int start, int inputs, float inverse)
    {
        Vector512<short> low = Vector512.Narrow(Integers(row, start, inputs, inverse), Integers(row, start + 16, inputs, inverse));
        Vector512<short> high = Vector512.Narrow(Integers(row, start + 32, inputs, inverse), Integers(row, start + 48, inputs, inverse));
        return Vector512.Narrow(low, high);
    }

    /// <summary>Sixteen words of two bfloat16s, from 32 inputs, rounded to nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> BFloat16s(Vector512<float> low, Vector512<float> high) => Vector512.Narrow(Round(low), Round(high));

    /// <summary>Sixteen inputs, zeros past the end of the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* row, int start, int inputs)
    {
        if (start + Vector512<float>.Count <= inputs)
            return Vector512.Load(row + start);
        Vector512<int> lane = Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        Vector512<float> present = Vector512.LessThan(lane, Vector512.Create(inputs - start)).AsSingle();
        return Avx512F.MaskLoad(row + start, present, Vector512<float>.Zero);
    }

    /// <summary>Puts a row's words where the micro-kernel looks for them: one every <paramref name="stride"/> words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter(uint* words, int count, uint* destination, nint stride)
    {
        for (int i = 0; i < count; i++)
            destination[i * stride] = words[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Integers(float* row, int start, int inputs, float inverse) =>
        start >= inputs ? default : Avx512F.ConvertToVector512Int32(Load(row, start, inputs) * Vector512.Create(inverse));

    // Just under half of the last kept bit is added, or half of it where that bit is odd. A NaN must stay one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Round(Vector512<float> x)
    {
        Vector512<uint> bits = x.AsUInt32();
        Vector512<uint> odd = Vector512.ShiftRightLogical(bits, 16) & Vector512.Create(1u);
        Vector512<uint> rounded = Vector512.ShiftRightLogical(bits + Vector512.Create(0x7FFFu) + odd, 16);
        return Vector512.ConditionalSelect(Vector512.Equals(x, x).AsUInt32(), rounded, Vector512.Create(0x7FC0u));
    }
}
