using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Cache;

/// <summary><see cref="CacheFormat.Float32"/>.</summary>
internal readonly unsafe struct CachedFloat32 : ICachedFormat
{
    public static bool IsPlain => true;

    public static int HeadBytes(int headSize) => KeyValueBlocks.BlockSize * headSize * sizeof(float);

    public static void Store(float* row, byte* head, int slot, int headSize) =>
        Unsafe.CopyBlockUnaligned((float*)head + ((nint)slot * headSize), row, (uint)headSize * sizeof(float));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Load<S>(byte* head, nint slot, nint k, int count, int headSize)
        where S : unmanaged, ISimd<S>
    {
        float* source = (float*)head + (slot * headSize) + k;
        return count == S.Width ? S.Load(source) : S.LoadPartial(source, count);
    }
}

/// <summary><see cref="CacheFormat.BFloat16"/>.</summary>
internal readonly unsafe struct CachedBFloat16 : ICachedFormat
{
    public static bool IsPlain => false;

    public static int HeadBytes(int headSize) => KeyValueBlocks.BlockSize * headSize * sizeof(ushort);

    public static void Store(float* row, byte* head, int slot, int headSize)
    {
        ushort* destination = (ushort*)head + ((nint)slot * headSize);
        int i = 0;
        for (; i <= headSize - Vector128<ushort>.Count; i += Vector128<ushort>.Count)
            Vector128.Narrow(Round(Vector128.Load(row + i)), Round(Vector128.Load(row + i + 4))).Store(destination + i);
        for (; i < headSize; i++)
            destination[i] = BFloat16.ToBits(row[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Load<S>(byte* head, nint slot, nint k, int count, int headSize)
        where S : unmanaged, ISimd<S>
    {
        var rows = new HalfRows<S, BF16Format>((ushort*)head, headSize);
        return count == S.Width ? rows.Load(slot, k) : rows.LoadPartial(slot, k, count);
    }

    // As BFloat16.ToBits, four at once.
    private static Vector128<uint> Round(Vector128<float> values)
    {
        Vector128<uint> bits = values.AsUInt32();
        Vector128<uint> upper = bits >>> 16;
        Vector128<uint> nearest = (bits + Vector128.Create(0x7FFFu) + (upper & Vector128<uint>.One)) >>> 16;
        return Vector128.ConditionalSelect(Vector128.IsNaN(values).AsUInt32(), upper | Vector128<uint>.One, nearest);
    }
}
