using System.Runtime.CompilerServices;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <content>A word of small integers.</content>
internal readonly unsafe partial struct Simd1
{
    private uint Bits => BitConverter.SingleToUInt32Bits(_value);

    private int Low => (short)Bits;

    private int High => (int)Bits >> 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBytes(sbyte* destination) => *destination = (sbyte)_value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 LowBFloat16s(Simd1 words) => Word(words.Bits << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 HighBFloat16s(Simd1 words) => Word(words.Bits & 0xFFFF0000);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 LowNibbles(Simd1 words) => Word(words.Bits & 0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 HighNibbles(Simd1 words) => Word((words.Bits >> 4) & 0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 MultiplyAddBytes(Simd1 weights, Simd1 bytes, Simd1 sum)
    {
        uint u = weights.Bits, s = bytes.Bits;
        int low = sum.Low + ((byte)u * (sbyte)s) + ((byte)(u >> 8) * (sbyte)(s >> 8));
        int high = sum.High + ((byte)(u >> 16) * (sbyte)(s >> 16)) + ((byte)(u >> 24) * (sbyte)(s >> 24));
        return Word((ushort)low | ((uint)high << 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 AddPairs(Simd1 pairs, Simd1 sum) => Word((uint)((int)sum.Bits + pairs.Low + pairs.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 FromIntegers(Simd1 words) => new((int)words.Bits);

    private static Simd1 Word(uint bits) => new(BitConverter.UInt32BitsToSingle(bits));
}
