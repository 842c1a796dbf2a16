using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <summary>Sixteen floats: AVX-512.</summary>
internal readonly unsafe struct Simd512(Vector512<float> lanes) : ISimd<Simd512>
{
    private readonly Vector512<float> _lanes = lanes;

    /// <summary>Whether this machine has the instructions.</summary>
    public static bool IsSupported => Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Vector512.IsHardwareAccelerated;

    public static int Width => 16;

    public static int TileRows => 12;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 LoadPartial(float* source, int count) =>
        new(Avx512F.MaskLoad(source, FirstLanes(count), Vector512<float>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 LoadF16(ushort* source) => new(HalfBits.ToSingle(Widen(source)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 LoadBF16(ushort* source) => new((Widen(source) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _lanes.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StorePartial(float* destination, int count) =>
        Avx512F.MaskStore(destination, FirstLanes(count), _lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator +(Simd512 a, Simd512 b) => new(a._lanes + b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator -(Simd512 a, Simd512 b) => new(a._lanes - b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator *(Simd512 a, Simd512 b) => new(a._lanes * b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator /(Simd512 a, Simd512 b) => new(a._lanes / b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 MultiplyAdd(Simd512 a, Simd512 b, Simd512 c) =>
        new(Vector512.MultiplyAddEstimate(a._lanes, b._lanes, c._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Max(Simd512 a, Simd512 b) => new(Vector512.MaxNative(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Min(Simd512 a, Simd512 b) => new(Vector512.MinNative(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Abs(Simd512 a) => new(Vector512.Abs(a._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Round(Simd512 a) => new(Vector512.Round(a._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 PowerOfTwo(Simd512 n) =>
        new(((Vector512.ConvertToInt32Native(n._lanes) + Vector512.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 IfNegative(Simd512 a, Simd512 negative, Simd512 other) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(a._lanes, Vector512<float>.Zero), negative._lanes, other._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreater(Simd512 a, Simd512 b) => Vector512.GreaterThanAny(a._lanes, b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Simd512 a) => Vector512.Sum(a._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(Simd512 a) => Simd256.MaxLane(new(Vector256.MaxNative(a._lanes.GetLower(), a._lanes.GetUpper())));

    // Each destination row is gathered in quarters: lanes l, l+4, l+8, l+12 of the tile stand in the four quarters of a register, so that
    // only shuffles inside the quarters are left, which cost one cycle each.
    public static void Transpose(float* source, nint sourceStride, float* destination, nint destinationStride)
    {
        for (int quarter = 0; quarter < 4; quarter++)
        {
            float* from = source + (quarter * 4);
            Vector512<float> a0 = Quarters(from, sourceStride);
            Vector512<float> a1 = Quarters(from + sourceStride, sourceStride);
            Vector512<float> a2 = Quarters(from + (2 * sourceStride), sourceStride);
            Vector512<float> a3 = Quarters(from + (3 * sourceStride), sourceStride);
            Vector512<float> low01 = Avx512F.UnpackLow(a0, a1);
            Vector512<float> high01 = Avx512F.UnpackHigh(a0, a1);
            Vector512<float> low23 = Avx512F.UnpackLow(a2, a3);
            Vector512<float> high23 = Avx512F.UnpackHigh(a2, a3);
            float* to = destination + (quarter * 4 * destinationStride);
            Avx512F.UnpackLow(low01.AsDouble(), low23.AsDouble()).AsSingle().Store(to);
            Avx512F.UnpackHigh(low01.AsDouble(), low23.AsDouble()).AsSingle().Store(to + destinationStride);
            Avx512F.UnpackLow(high01.AsDouble(), high23.AsDouble()).AsSingle().Store(to + (2 * destinationStride));
            Avx512F.UnpackHigh(high01.AsDouble(), high23.AsDouble()).AsSingle().Store(to + (3 * destinationStride));
        }
    }

    // Four floats each of rows 0, 4, 8 and 12.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Quarters(float* source, nint stride)
    {
        Vector512<float> quarters = Vector512.Create(Vector256.Create(Vector128.Load(source), Vector128<float>.Zero), Vector256<float>.Zero);
        quarters = Avx512F.InsertVector128(quarters, Vector128.Load(source + (4 * stride)), 1);
        quarters = Avx512F.InsertVector128(quarters, Vector128.Load(source + (8 * stride)), 2);
        return Avx512F.InsertVector128(quarters, Vector128.Load(source + (12 * stride)), 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Widen(ushort* source) =>
        Vector512.WidenLower(Vector512.Create(Vector256.Load(source), Vector256<ushort>.Zero));

    // All bits set in the first lanes: the comparison becomes a mask register.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> FirstLanes(int count) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();
}
