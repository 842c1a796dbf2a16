using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <summary>
/// Widens IEEE half floats that stand as integers in 32-bit lanes. The 15 bits below the sign, shifted to a float's place, are the value
/// times 2^-112; multiplying by 2^112 is exact, for subnormal halves too. Infinity and NaN get their exponent set.
/// </summary>
internal static class HalfBits
{
    private const uint MagnitudeBits = 0x7FFF;
    // Of signed integers, which all machines compare.
    private const int LastFinite = 0x7BFF << 13;
    private const uint InfinityBits = 0x7F80_0000;
    private const float TwoTo112 = 5192296858534827628530496329220096f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector512<uint> half)
    {
        Vector512<uint> magnitude = (half & Vector512.Create(MagnitudeBits)) << 13;
        Vector512<uint> infinity = Vector512.GreaterThan(magnitude.AsInt32(), Vector512.Create(LastFinite)).AsUInt32() & Vector512.Create(InfinityBits);
        Vector512<uint> scaled = (magnitude.AsSingle() * Vector512.Create(TwoTo112)).AsUInt32() | infinity;
        return (scaled | ((half & Vector512.Create(~MagnitudeBits)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector256<uint> half)
    {
        Vector256<uint> magnitude = (half & Vector256.Create(MagnitudeBits)) << 13;
        Vector256<uint> infinity = Vector256.GreaterThan(magnitude.AsInt32(), Vector256.Create(LastFinite)).AsUInt32() & Vector256.Create(InfinityBits);
        Vector256<uint> scaled = (magnitude.AsSingle() * Vector256.Create(TwoTo112)).AsUInt32() | infinity;
        return (scaled | ((half & Vector256.Create(~MagnitudeBits)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToSingle(Vector128<uint> half)
    {
        Vector128<uint> magnitude = (half & Vector128.Create(MagnitudeBits)) << 13;
        Vector128<uint> infinity = Vector128.GreaterThan(magnitude.AsInt32(), Vector128.Create(LastFinite)).AsUInt32() & Vector128.Create(InfinityBits);
        Vector128<uint> scaled = (magnitude.AsSingle() * Vector128.Create(TwoTo112)).AsUInt32() | infinity;
        return (scaled | ((half & Vector128.Create(~MagnitudeBits)) << 16)).AsSingle();
    }
}
