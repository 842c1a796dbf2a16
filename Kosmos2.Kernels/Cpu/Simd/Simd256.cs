using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <summary>Eight floats: AVX2 with FMA.</summary>
internal readonly unsafe struct Simd256(Vector256<float> lanes) : ISimd<Simd256>
{
    private readonly Vector256<float> _lanes = lanes;

    /// <summary>Whether this machine has the instructions.</summary>
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported;

    public static int Width => 8;

    public static int TileRows => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Broadcast(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 LoadPartial(float* source, int count) =>
        new(Avx.MaskLoad(source, FirstLanes(count)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 LoadF16(ushort* source) => new(HalfBits.ToSingle(Widen(source)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 LoadBF16(ushort* source) => new((Widen(source) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _lanes.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StorePartial(float* destination, int count) =>
        Avx.MaskStore(destination, FirstLanes(count), _lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator +(Simd256 a, Simd256 b) => new(a._lanes + b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator -(Simd256 a, Simd256 b) => new(a._lanes - b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator *(Simd256 a, Simd256 b) => new(a._lanes * b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator /(Simd256 a, Simd256 b) => new(a._lanes / b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 MultiplyAdd(Simd256 a, Simd256 b, Simd256 c) =>
        new(Vector256.MultiplyAddEstimate(a._lanes, b._lanes, c._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Max(Simd256 a, Simd256 b) => new(Vector256.MaxNative(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Min(Simd256 a, Simd256 b) => new(Vector256.MinNative(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Abs(Simd256 a) => new(Vector256.Abs(a._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Round(Simd256 a) => new(Vector256.Round(a._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 PowerOfTwo(Simd256 n) =>
        new(((Vector256.ConvertToInt32Native(n._lanes) + Vector256.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 IfNegative(Simd256 a, Simd256 negative, Simd256 other) =>
        new(Vector256.ConditionalSelect(Vector256.LessThan(a._lanes, Vector256<float>.Zero), negative._lanes, other._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreater(Simd256 a, Simd256 b) => Vector256.GreaterThanAny(a._lanes, b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Simd256 a) => Vector256.Sum(a._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(Simd256 a) => Simd128.MaxLane(new(Vector128.MaxNative(a._lanes.GetLower(), a._lanes.GetUpper())));

    // As for sixteen lanes: rows l and l+4 stand in the two halves of a register, which leaves shuffles inside the halves.
    public static void Transpose(float* source, nint sourceStride, float* destination, nint destinationStride)
    {
        for (int half = 0; half < 2; half++)
        {
            float* from = source + (half * 4);
            Vector256<float> a0 = Halves(from, sourceStride);
            Vector256<float> a1 = Halves(from + sourceStride, sourceStride);
            Vector256<float> a2 = Halves(from + (2 * sourceStride), sourceStride);
            Vector256<float> a3 = Halves(from + (3 * sourceStride), sourceStride);
            Vector256<float> low01 = Avx.UnpackLow(a0, a1);
            Vector256<float> high01 = Avx.UnpackHigh(a0, a1);
            Vector256<float> low23 = Avx.UnpackLow(a2, a3);
            Vector256<float> high23 = Avx.UnpackHigh(a2, a3);
            float* to = destination + (half * 4 * destinationStride);
            Avx.UnpackLow(low01.AsDouble(), low23.AsDouble()).AsSingle().Store(to);
            Avx.UnpackHigh(low01.AsDouble(), low23.AsDouble()).AsSingle().Store(to + destinationStride);
            Avx.UnpackLow(high01.AsDouble(), high23.AsDouble()).AsSingle().Store(to + (2 * destinationStride));
            Avx.UnpackHigh(high01.AsDouble(), high23.AsDouble()).AsSingle().Store(to + (3 * destinationStride));
        }
    }

    // Four floats each of rows 0 and 4.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(float* source, nint stride) =>
        Vector256.Create(Vector128.Load(source), Vector128.Load(source + (4 * stride)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Widen(ushort* source) => Avx2.ConvertToVector256Int32(Vector128.Load(source)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> FirstLanes(int count) => Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle();
}
