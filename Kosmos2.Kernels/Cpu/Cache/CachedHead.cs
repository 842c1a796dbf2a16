using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Cache;

/// <summary>A head's part of a block of the cache.</summary>
/// <param name="start">Where it begins.</param>
/// <param name="headSize">Width of a head.</param>
internal readonly unsafe struct CachedHead<TFormat>(byte* start, int headSize)
    where TFormat : ICachedFormat
{
    /// <summary>Bytes of the same element of all slots.</summary>
    public static int LineBytes => KeyValueBlocks.BlockSize * TFormat.ElementBytes;

    public float* Scales => (float*)start;

    public byte* Elements => start + TFormat.ScaleBytes;

    /// <summary>Bytes of a part.</summary>
    public static int Bytes(int headSize) => TFormat.ScaleBytes + (headSize * LineBytes);

    /// <summary>Writes the value of one slot.</summary>
    public void StoreValue(float* row, int slot) => SetScale(slot, TFormat.Encode(row, Elements + ((nint)slot * headSize * TFormat.ElementBytes), headSize));

    /// <summary>Writes the key of one slot.</summary>
    /// <param name="row">[headSize].</param>
    /// <param name="slot">The slot.</param>
    /// <param name="room">Working memory for a row's elements.</param>
    public void StoreKey(float* row, int slot, byte* room)
    {
        if (TFormat.ElementBytes == sizeof(float))
        {
            Scatter(row, (float*)Elements + slot);
            return;
        }
        SetScale(slot, TFormat.Encode(row, room, headSize));
        if (TFormat.ElementBytes == sizeof(ushort))
            Scatter((ushort*)room, (ushort*)Elements + slot);
        else
            Scatter(room, Elements + slot);
    }

    /// <summary>Elements k to k + count, at most a vector, of a slot's value, then zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Value<S>(nint slot, nint k, int count)
        where S : unmanaged, ISimd<S> =>
        TFormat.LoadSlot<S>(Elements + (((slot * headSize) + k) * TFormat.ElementBytes), Scales + slot, count);

    /// <summary>Element k of the keys of as many slots as a vector has lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Keys<S>(nint slot, nint k)
        where S : unmanaged, ISimd<S> => TFormat.LoadSlots<S>(Elements + (k * LineBytes) + (slot * TFormat.ElementBytes), Scales + slot);

    private void SetScale(int slot, float scale)
    {
        if (TFormat.ScaleBytes > 0)
            Scales[slot] = scale;
    }

    private void Scatter<T>(T* row, T* first)
        where T : unmanaged
    {
        for (int k = 0; k < headSize; k++)
            first[k * KeyValueBlocks.BlockSize] = row[k];
    }
}

/// <summary>The values of a head's part of a block as rows of floats, widened as they are read.</summary>
internal readonly unsafe struct CachedRows<S, TFormat>(CachedHead<TFormat> head) : IRowSource<S>
    where S : unmanaged, ISimd<S>
    where TFormat : ICachedFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Load(nint row, nint k) => head.Value<S>(row, k, S.Width);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S LoadPartial(nint row, nint k, int count) => head.Value<S>(row, k, count);

    public void Prefetch(nint row, nint k)
    {
    }
}
