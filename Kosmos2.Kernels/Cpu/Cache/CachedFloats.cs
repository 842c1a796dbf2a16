using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Cache;

/// <summary><see cref="CacheFormat.Float32"/>.</summary>
internal readonly unsafe struct CachedFloat32 : ICachedFormat
{
    public static int ElementBytes => sizeof(float);

    public static int ScaleBytes => 0;

    public static float Encode(float* row, byte* elements, int headSize)
    {
        Unsafe.CopyBlockUnaligned(elements, row, (uint)headSize * sizeof(float));
        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S LoadSlot<S>(byte* elements, float* scale, int count)
        where S : unmanaged, ISimd<S> => count == S.Width ? S.Load((float*)elements) : S.LoadPartial((float*)elements, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S LoadSlots<S>(byte* elements, float* scales)
        where S : unmanaged, ISimd<S> => S.Load((float*)elements);
}

/// <summary><see cref="CacheFormat.BFloat16"/>.</summary>
internal readonly unsafe struct CachedBFloat16 : ICachedFormat
{
    public static int ElementBytes => sizeof(ushort);

    public static int ScaleBytes => 0;

    public static float Encode(float* row, byte* elements, int headSize)
    {
        var destination = (ushort*)elements;
        int i = 0;
        for (; i <= headSize - Vector128<ushort>.Count; i += Vector128<ushort>.Count)
            Vector128.Narrow(BFloat16Bits.FromSingle(Vector128.Load(row + i)), BFloat16Bits.FromSingle(Vector128.Load(row + i + 4))).Store(destination + i);
        for (; i < headSize; i++)
            destination[i] = BFloat16.ToBits(row[i]);
        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S LoadSlot<S>(byte* elements, float* scale, int count)
        where S : unmanaged, ISimd<S>
    {
        var row = new HalfRows<S, BF16Format>((ushort*)elements, 0);
        return count == S.Width ? row.Load(0, 0) : row.LoadPartial(0, 0, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S LoadSlots<S>(byte* elements, float* scales)
        where S : unmanaged, ISimd<S> => S.LoadBF16((ushort*)elements);
}
