using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <content>Words of small integers.</content>
internal readonly unsafe partial struct Simd128
{
    private Vector128<short> Shorts => _lanes.AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBytes(sbyte* destination)
    {
        Vector128<short> shorts = Vector128.Narrow(Vector128.ConvertToInt32Native(_lanes), default);
        Unsafe.WriteUnaligned(destination, Vector128.Narrow(shorts, default).AsInt32().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 LowBFloat16s(Simd128 words) => new((words._lanes.AsUInt32() << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 HighBFloat16s(Simd128 words) => new((words._lanes.AsUInt32() & Vector128.Create(0xFFFF0000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 LowNibbles(Simd128 words) => new((words._lanes.AsByte() & Vector128.Create((byte)15)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 HighNibbles(Simd128 words) =>
        new((Vector128.ShiftRightLogical(words._lanes.AsUInt16(), 4).AsByte() & Vector128.Create((byte)15)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 MultiplyAddBytes(Simd128 weights, Simd128 bytes, Simd128 sum)
    {
        if (Ssse3.IsSupported)
            return new((sum.Shorts + Ssse3.MultiplyAddAdjacent(weights._lanes.AsByte(), bytes._lanes.AsSByte())).AsSingle());
        Vector128<short> even = Vector128.ShiftRightArithmetic(bytes.Shorts << 8, 8), odd = Vector128.ShiftRightArithmetic(bytes.Shorts, 8);
        return new((sum.Shorts + ((weights.Shorts & Vector128.Create((short)0xFF)) * even) + (Vector128.ShiftRightLogical(weights.Shorts, 8) * odd)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 AddPairs(Simd128 pairs, Simd128 sum) =>
        new((sum._lanes.AsInt32() + Products(pairs.Shorts, Vector128<short>.One)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 FromIntegers(Simd128 words) => new(Vector128.ConvertToSingle(words._lanes.AsInt32()));

    // a b over the pairs of neighbours.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Products(Vector128<short> a, Vector128<short> b)
    {
        if (Sse2.IsSupported)
            return Sse2.MultiplyAddAdjacent(a, b);
        Vector128<int> first = Vector128.ShiftRightArithmetic(a.AsInt32() << 16, 16) * Vector128.ShiftRightArithmetic(b.AsInt32() << 16, 16);
        return first + (Vector128.ShiftRightArithmetic(a.AsInt32(), 16) * Vector128.ShiftRightArithmetic(b.AsInt32(), 16));
    }
}
