using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <content>Words of small integers.</content>
internal readonly unsafe partial struct Simd256
{
    private Vector256<short> Shorts => _lanes.AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBytes(sbyte* destination)
    {
        Vector256<int> integers = Avx.ConvertToVector256Int32(_lanes);
        Vector128<short> shorts = Sse2.PackSignedSaturate(integers.GetLower(), integers.GetUpper());
        Unsafe.WriteUnaligned(destination, Sse2.PackSignedSaturate(shorts, shorts).AsInt64().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 LowBFloat16s(Simd256 words) => new((words._lanes.AsUInt32() << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 HighBFloat16s(Simd256 words) => new((words._lanes.AsUInt32() & Vector256.Create(0xFFFF0000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 LowNibbles(Simd256 words) => new((words._lanes.AsByte() & Vector256.Create((byte)15)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 HighNibbles(Simd256 words) =>
        new((Vector256.ShiftRightLogical(words._lanes.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 MultiplyAddBytes(Simd256 weights, Simd256 bytes, Simd256 sum) =>
        new((sum.Shorts + Avx2.MultiplyAddAdjacent(weights._lanes.AsByte(), bytes._lanes.AsSByte())).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 AddPairs(Simd256 pairs, Simd256 sum) =>
        new((sum._lanes.AsInt32() + Avx2.MultiplyAddAdjacent(pairs.Shorts, Vector256<short>.One)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 FromIntegers(Simd256 words) => new(Vector256.ConvertToSingle(words._lanes.AsInt32()));
}
