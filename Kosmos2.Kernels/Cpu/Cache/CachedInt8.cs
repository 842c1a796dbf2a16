using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Cache;

/// <summary><see cref="CacheFormat.Int8"/>.</summary>
internal readonly unsafe struct CachedInt8 : ICachedFormat
{
    private const float Largest = 127;

    public static int ElementBytes => sizeof(sbyte);

    public static int ScaleBytes => KeyValueBlocks.BlockSize * sizeof(float);

    public static float Encode(float* row, byte* elements, int headSize)
    {
        float scale = Magnitude(row, headSize) / Largest;
        int i = 0;
        for (; i <= headSize - Vector128<sbyte>.Count; i += Vector128<sbyte>.Count)
            Sixteen(row + i, scale).Store((sbyte*)elements + i);
        if (i == headSize)
            return scale;
        float* rest = stackalloc float[Vector128<sbyte>.Count];
        new Span<float>(rest, Vector128<sbyte>.Count).Clear();
        Unsafe.CopyBlockUnaligned(rest, row + i, (uint)(headSize - i) * sizeof(float));
        Vector128<sbyte> last = Sixteen(rest, scale);
        Unsafe.CopyBlockUnaligned(elements + i, &last, (uint)(headSize - i));
        return scale;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S LoadSlot<S>(byte* elements, float* scale, int count)
        where S : unmanaged, ISimd<S> => S.Widen(I8Format.Load(elements, 0, count)) * S.Broadcast(*scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S LoadSlots<S>(byte* elements, float* scales)
        where S : unmanaged, ISimd<S> => S.Widen(I8Format.Load(elements, 0, S.Width)) * S.Load(scales);

    // NaN if any element is.
    private static float Magnitude(float* row, int count)
    {
        Vector128<float> largest = default;
        int i = 0;
        for (; i <= count - Vector128<float>.Count; i += Vector128<float>.Count)
            largest = Vector128.Max(largest, Vector128.Abs(Vector128.Load(row + i)));
        float result = MathF.Max(MathF.Max(largest[0], largest[1]), MathF.Max(largest[2], largest[3]));
        for (; i < count; i++)
            result = MathF.Max(result, MathF.Abs(row[i]));
        return result;
    }

    private static Vector128<sbyte> Sixteen(float* row, float scale) => Vector128.Narrow(
        Vector128.Narrow(Four(row, scale), Four(row + 4, scale)), Vector128.Narrow(Four(row + 8, scale), Four(row + 12, scale)));

    // Conversion saturates and makes 0 of NaN; a scale too small to be a float's would take a quotient past the largest integer.
    private static Vector128<int> Four(float* row, float scale)
    {
        Vector128<float> quotients = Vector128.Round(Vector128.Load(row) / Vector128.Create(scale));
        return Vector128.Min(Vector128.Max(Vector128.ConvertToInt32(quotients), Vector128.Create(-(int)Largest)), Vector128.Create((int)Largest));
    }
}
