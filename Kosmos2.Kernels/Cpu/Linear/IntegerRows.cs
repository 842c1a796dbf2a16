using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>Rows on their way into signed bytes: the largest magnitude of a stretch becomes 127. The same bytes at every width.</summary>
internal static unsafe class IntegerRows<S>
    where S : unmanaged, ISimd<S>
{
    /// <summary>Factor to and from integers of -127 to 127. A stretch that is not finite gets a scale that makes all its results NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (float Inverse, float Scale) Range(float* row, int inputs)
    {
        S most = default;
        S nothing = default; // x * 0 is NaN for what is not finite
        for (int i = 0; i < inputs; i += S.Width)
        {
            S x = Load(row, i, inputs);
            most = S.Max(S.Abs(x), most);
            nothing = S.MultiplyAdd(x, default, nothing);
        }
        if (S.Sum(nothing) != 0)
            return (0, float.NaN);
        float largest = S.MaxLane(most);
        return largest == 0 ? (0, 0) : (127 / largest, largest / 127);
    }

    /// <summary>The integers nearest to <paramref name="count"/> inputs times a factor, halves to even; 0 past the row's end.</summary>
    /// <param name="row">The row.</param>
    /// <param name="start">First input.</param>
    /// <param name="inputs">Length of the row.</param>
    /// <param name="inverse">The factor.</param>
    /// <param name="bytes">[count].</param>
    /// <param name="count">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(float* row, int start, int inputs, float inverse, sbyte* bytes, int count)
    {
        S factor = S.Broadcast(inverse);
        for (int i = 0; i < count; i += S.Width)
            S.Round(Load(row, start + i, inputs) * factor).StoreBytes(bytes + i);
    }

    /// <summary>The sum of at most 128 bytes of -127 to 127, in sixteens.</summary>
    public static int Sum(sbyte* bytes, int count)
    {
        Vector128<short> sum = default;
        for (int i = 0; i < count; i += Vector128<sbyte>.Count)
        {
            (Vector128<short> low, Vector128<short> high) = Vector128.Widen(Vector128.Load(bytes + i));
            sum += low + high;
        }
        return Vector128.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S Load(float* row, int start, int inputs) =>
        start + S.Width <= inputs ? S.Load(row + start) : S.LoadPartial(row + start, Math.Max(inputs - start, 0));
}
