using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <summary>One float: any machine, and the plain form of every kernel.</summary>
internal readonly unsafe partial struct Simd1(float value) : ISimd<Simd1>
{
    private readonly float _value = value;

    public static int Width => 1;

    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 Broadcast(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 Load(float* source) => new(Unsafe.ReadUnaligned<float>(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 LoadPartial(float* source, int count) => count > 0 ? Load(source) : default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 LoadF16(ushort* source) => new((float)Unsafe.ReadUnaligned<Half>(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 LoadBF16(ushort* source) => new(BitConverter.Int32BitsToSingle(Unsafe.ReadUnaligned<ushort>(source) << 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 Widen(Vector128<sbyte> integers) => new(integers[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => *destination = _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StorePartial(float* destination, int count)
    {
        if (count > 0)
            *destination = _value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 operator +(Simd1 a, Simd1 b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 operator -(Simd1 a, Simd1 b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 operator *(Simd1 a, Simd1 b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 operator /(Simd1 a, Simd1 b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 MultiplyAdd(Simd1 a, Simd1 b, Simd1 c) => new(float.MultiplyAddEstimate(a._value, b._value, c._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 Max(Simd1 a, Simd1 b) => a._value > b._value ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 Min(Simd1 a, Simd1 b) => a._value < b._value ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 Abs(Simd1 a) => new(MathF.Abs(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 Round(Simd1 a) => new(MathF.Round(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 PowerOfTwo(Simd1 n) => new(BitConverter.Int32BitsToSingle(((int)n._value + 127) << 23));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd1 IfNegative(Simd1 a, Simd1 negative, Simd1 other) => a._value < 0 ? negative : other;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreater(Simd1 a, Simd1 b) => a._value > b._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Simd1 a) => a._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(Simd1 a) => a._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(float* source, nint sourceStride, float* destination, nint destinationStride) => *destination = *source;
}
