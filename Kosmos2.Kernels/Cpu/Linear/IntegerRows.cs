using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>Rows on their way into signed bytes: the largest magnitude of a stretch becomes 127, or less. The same bytes at every width.</summary>
internal static unsafe class IntegerRows<S>
    where S : unmanaged, ISimd<S>
{
    private static bool IsWide
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx512F.IsSupported && S.Width == Vector512<int>.Count;
    }

    /// <summary>Factor to and from integers of -127 to 127. A stretch that is not finite gets a scale that makes all its results NaN.</summary>
    public static (float Inverse, float Scale) Range(float* row, int inputs) => Factors(Largest(row, inputs));

    /// <summary>As <see cref="Range"/>; no two neighbours, from the first input on, add up to more than 128 either way.</summary>
    /// <param name="row">The inputs.</param>
    /// <param name="inputs">How many, at most 64.</param>
    /// <remarks>Scaled, they add up to at most 127, and rounding adds at most one half to each: less than 129, a whole number.</remarks>
    [SkipLocalsInit]
    public static (float Inverse, float Scale) RangeOfPairs(float* row, int inputs)
    {
        float* whole = stackalloc float[PairedBytes.Inputs];
        float largest = Largest(row, inputs);
        if (inputs < PairedBytes.Inputs)
        {
            new Span<float>(row, inputs).CopyTo(new Span<float>(whole, inputs));
            new Span<float>(whole + inputs, PairedBytes.Inputs - inputs).Clear();
            row = whole;
        }
        Vector256<float> most = default;
        for (int i = 0; i < PairedBytes.Inputs; i += Vector256<float>.Count)
        {
            Vector256<float> x = Vector256.Load(row + i);
            most = Vector256.Max(most, Vector256.Abs(x + Vector256.Shuffle(x, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6))));
        }
        return Factors(MathF.Max(largest, Simd256.MaxLane(new(most))));
    }

    // NaN where one is not finite.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Largest(float* row, int inputs)
    {
        if (IsWide && inputs % S.Width == 0)
            return LargestWhole(row, inputs);
        S most = default;
        S nothing = default; // x * 0 is NaN for what is not finite
        for (int i = 0; i < inputs; i += S.Width)
        {
            S x = Load(row, i, inputs);
            most = S.Max(S.Abs(x), most);
            nothing = S.MultiplyAdd(x, default, nothing);
        }
        return S.Sum(nothing) != 0 ? float.NaN : S.MaxLane(most);
    }

    // Magnitudes are in the order of their bits, and what is not finite is above all others.
    private static float LargestWhole(float* row, int inputs)
    {
        Vector512<int> most = default;
        for (int i = 0; i < inputs; i += Vector512<int>.Count)
            most = Vector512.Max(most, Vector512.Load((int*)row + i) & Vector512.Create(int.MaxValue));
        Vector256<int> eight = Vector256.Max(most.GetLower(), most.GetUpper());
        Vector128<int> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        float largest = BitConverter.Int32BitsToSingle(Math.Max(four[0], four[1]));
        return float.IsFinite(largest) ? largest : float.NaN;
    }

    // Of numbers so small that their inverse is no float nothing is left.
    private static (float Inverse, float Scale) Factors(float largest) =>
        float.IsNaN(largest) ? (0, float.NaN) : float.IsFinite(127 / largest) ? (127 / largest, largest / 127) : (0, 0);

    /// <summary>The integers nearest to <paramref name="count"/> inputs times a factor, halves to even; 0 past the row's end. Returns their sum.</summary>
    /// <param name="row">The row.</param>
    /// <param name="start">First input.</param>
    /// <param name="inputs">Length of the row.</param>
    /// <param name="inverse">The factor.</param>
    /// <param name="bytes">[count].</param>
    /// <param name="count">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Round(float* row, int start, int inputs, float inverse, sbyte* bytes, int count)
    {
        if (IsWide && start + count <= inputs)
            return RoundWhole(row + start, inverse, bytes, count);
        S factor = S.Broadcast(inverse);
        for (int i = 0; i < count; i += S.Width)
            S.Round(Load(row, start + i, inputs) * factor).StoreBytes(bytes + i);
        return Sum(bytes, count);
    }

    private static int RoundWhole(float* inputs, float inverse, sbyte* bytes, int count)
    {
        Vector512<int> sum = default;
        for (int i = 0; i < count; i += Vector512<int>.Count)
        {
            Vector512<int> integers = Avx512F.ConvertToVector512Int32(Vector512.Load(inputs + i) * inverse);
            sum += integers;
            Avx512F.ConvertToVector128SByte(integers).Store(bytes + i);
        }
        return Vector512.Sum(sum);
    }

    // Of at most 128 bytes of -127 to 127, in sixteens.
    private static int Sum(sbyte* bytes, int count)
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
