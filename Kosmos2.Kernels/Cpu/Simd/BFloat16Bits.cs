using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <summary><see cref="BFloat16.ToBits"/> of many floats at once: the bits stand as integers in 32-bit lanes.</summary>
internal static class BFloat16Bits
{
    private const uint JustUnderHalf = 0x7FFF;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> FromSingle(Vector512<float> values)
    {
        Vector512<uint> bits = values.AsUInt32(), upper = bits >>> 16;
        Vector512<uint> nearest = (bits + Vector512.Create(JustUnderHalf) + (upper & Vector512<uint>.One)) >>> 16;
        return Vector512.ConditionalSelect(Vector512.Equals(values, values).AsUInt32(), nearest, upper | Vector512<uint>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> FromSingle(Vector256<float> values)
    {
        Vector256<uint> bits = values.AsUInt32(), upper = bits >>> 16;
        Vector256<uint> nearest = (bits + Vector256.Create(JustUnderHalf) + (upper & Vector256<uint>.One)) >>> 16;
        return Vector256.ConditionalSelect(Vector256.Equals(values, values).AsUInt32(), nearest, upper | Vector256<uint>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> FromSingle(Vector128<float> values)
    {
        Vector128<uint> bits = values.AsUInt32(), upper = bits >>> 16;
        Vector128<uint> nearest = (bits + Vector128.Create(JustUnderHalf) + (upper & Vector128<uint>.One)) >>> 16;
        return Vector128.ConditionalSelect(Vector128.Equals(values, values).AsUInt32(), nearest, upper | Vector128<uint>.One);
    }
}
