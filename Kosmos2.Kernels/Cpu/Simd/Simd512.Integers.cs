using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <content>Words of small integers.</content>
internal readonly unsafe partial struct Simd512
{
    private Vector512<short> Shorts => _lanes.AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBytes(sbyte* destination) =>
        Avx512F.ConvertToVector128SByte(Avx512F.ConvertToVector512Int32(_lanes)).Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 LowBFloat16s(Simd512 words) => new((words._lanes.AsUInt32() << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 HighBFloat16s(Simd512 words) => new((words._lanes.AsUInt32() & Vector512.Create(0xFFFF0000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 LowNibbles(Simd512 words) => new((words._lanes.AsByte() & Vector512.Create((byte)15)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 HighNibbles(Simd512 words) =>
        new((Vector512.ShiftRightLogical(words._lanes.AsUInt16(), 4).AsByte() & Vector512.Create((byte)15)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 MultiplyAddBytes(Simd512 weights, Simd512 bytes, Simd512 sum) =>
        new((sum.Shorts + Avx512BW.MultiplyAddAdjacent(weights._lanes.AsByte(), bytes._lanes.AsSByte())).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 AddPairs(Simd512 pairs, Simd512 sum) =>
        new((sum._lanes.AsInt32() + Avx512BW.MultiplyAddAdjacent(pairs.Shorts, Vector512<short>.One)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 FromIntegers(Simd512 words) => new(Vector512.ConvertToSingle(words._lanes.AsInt32()));
}
