using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>Two vectors as one of twice the width: the engine's own packing and compiled kernels for 8 and 16 floats, on any processor.</summary>
internal readonly unsafe struct SimdPair<T>(T low, T high) : ISimd<SimdPair<T>>
    where T : unmanaged, ISimd<T>
{
    private readonly T _low = low;
    private readonly T _high = high;

    public static int Width => 2 * T.Width;

    public static int TileRows => Width == Simd512.Width ? Simd512.TileRows : Simd256.TileRows;

    public static SimdPair<T> Broadcast(float value) => new(T.Broadcast(value), T.Broadcast(value));

    public static SimdPair<T> Load(float* source) => new(T.Load(source), T.Load(source + T.Width));

    public static SimdPair<T> LoadPartial(float* source, int count) =>
        new(T.LoadPartial(source, Math.Min(count, T.Width)), T.LoadPartial(source + T.Width, Math.Max(count - T.Width, 0)));

    public static SimdPair<T> LoadF16(ushort* source) => new(T.LoadF16(source), T.LoadF16(source + T.Width));

    public static SimdPair<T> LoadBF16(ushort* source) => new(T.LoadBF16(source), T.LoadBF16(source + T.Width));

    public static SimdPair<T> Widen(Vector128<sbyte> integers) =>
        new(T.Widen(integers), T.Widen(Vector128.Shuffle(integers, Vector128<sbyte>.Indices + Vector128.Create((sbyte)T.Width))));

    public void Store(float* destination)
    {
        _low.Store(destination);
        _high.Store(destination + T.Width);
    }

    public void StorePartial(float* destination, int count)
    {
        _low.StorePartial(destination, Math.Min(count, T.Width));
        _high.StorePartial(destination + T.Width, Math.Max(count - T.Width, 0));
    }

    public void StoreBytes(sbyte* destination)
    {
        _low.StoreBytes(destination);
        _high.StoreBytes(destination + T.Width);
    }

    public static SimdPair<T> operator +(SimdPair<T> a, SimdPair<T> b) => new(a._low + b._low, a._high + b._high);

    public static SimdPair<T> operator -(SimdPair<T> a, SimdPair<T> b) => new(a._low - b._low, a._high - b._high);

    public static SimdPair<T> operator *(SimdPair<T> a, SimdPair<T> b) => new(a._low * b._low, a._high * b._high);

    public static SimdPair<T> operator /(SimdPair<T> a, SimdPair<T> b) => new(a._low / b._low, a._high / b._high);

    public static SimdPair<T> MultiplyAdd(SimdPair<T> a, SimdPair<T> b, SimdPair<T> c) =>
        new(T.MultiplyAdd(a._low, b._low, c._low), T.MultiplyAdd(a._high, b._high, c._high));

    public static SimdPair<T> Max(SimdPair<T> a, SimdPair<T> b) => new(T.Max(a._low, b._low), T.Max(a._high, b._high));

    public static SimdPair<T> Min(SimdPair<T> a, SimdPair<T> b) => new(T.Min(a._low, b._low), T.Min(a._high, b._high));

    public static SimdPair<T> Abs(SimdPair<T> a) => new(T.Abs(a._low), T.Abs(a._high));

    public static SimdPair<T> Round(SimdPair<T> a) => new(T.Round(a._low), T.Round(a._high));

    public static SimdPair<T> PowerOfTwo(SimdPair<T> n) => new(T.PowerOfTwo(n._low), T.PowerOfTwo(n._high));

    public static SimdPair<T> IfNegative(SimdPair<T> a, SimdPair<T> negative, SimdPair<T> other) =>
        new(T.IfNegative(a._low, negative._low, other._low), T.IfNegative(a._high, negative._high, other._high));

    public static bool AnyGreater(SimdPair<T> a, SimdPair<T> b) => T.AnyGreater(a._low, b._low) || T.AnyGreater(a._high, b._high);

    public static float Sum(SimdPair<T> a) => T.Sum(a._low) + T.Sum(a._high);

    public static float MaxLane(SimdPair<T> a) => T.MaxLane(T.Max(a._low, a._high));

    public static SimdPair<T> LowBFloat16s(SimdPair<T> words) => new(T.LowBFloat16s(words._low), T.LowBFloat16s(words._high));

    public static SimdPair<T> HighBFloat16s(SimdPair<T> words) => new(T.HighBFloat16s(words._low), T.HighBFloat16s(words._high));

    public static SimdPair<T> LowNibbles(SimdPair<T> words) => new(T.LowNibbles(words._low), T.LowNibbles(words._high));

    public static SimdPair<T> HighNibbles(SimdPair<T> words) => new(T.HighNibbles(words._low), T.HighNibbles(words._high));

    public static SimdPair<T> MultiplyAddBytes(SimdPair<T> weights, SimdPair<T> bytes, SimdPair<T> sum) =>
        new(T.MultiplyAddBytes(weights._low, bytes._low, sum._low), T.MultiplyAddBytes(weights._high, bytes._high, sum._high));

    public static SimdPair<T> AddPairs(SimdPair<T> pairs, SimdPair<T> sum) => new(T.AddPairs(pairs._low, sum._low), T.AddPairs(pairs._high, sum._high));

    public static SimdPair<T> FromIntegers(SimdPair<T> words) => new(T.FromIntegers(words._low), T.FromIntegers(words._high));

    public static void Transpose(float* source, nint sourceStride, float* destination, nint destinationStride)
    {
        for (int i = 0; i < Width; i += T.Width)
        {
            for (int j = 0; j < Width; j += T.Width)
                T.Transpose(source + (i * sourceStride) + j, sourceStride, destination + (j * destinationStride) + i, destinationStride);
        }
    }
}
