using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Cache;

/// <summary>A <see cref="CacheFormat"/> as the CPU writes and reads it. A head's part of a block is laid out as <see cref="KeyValueBlocks.Keys"/> says.</summary>
internal unsafe interface ICachedFormat
{
    /// <summary>Whether rows are plain floats.</summary>
    static abstract bool IsPlain { get; }

    /// <summary>Bytes of a head's part of a block.</summary>
    static abstract int HeadBytes(int headSize);

    /// <summary>Writes the row of one slot.</summary>
    /// <param name="row">[headSize].</param>
    /// <param name="head">The head's part of the block.</param>
    /// <param name="slot">The slot.</param>
    /// <param name="headSize">Width of a head.</param>
    static abstract void Store(float* row, byte* head, int slot, int headSize);

    /// <summary>Elements k to k + count, at most a vector, of a slot's row, then zeros.</summary>
    static abstract S Load<S>(byte* head, nint slot, nint k, int count, int headSize)
        where S : unmanaged, ISimd<S>;
}

/// <summary>A head's part of a block as rows of floats, widened as they are read.</summary>
internal readonly unsafe struct CachedRows<S, TFormat>(byte* head, int headSize) : IRowSource<S>
    where S : unmanaged, ISimd<S>
    where TFormat : ICachedFormat
{
    public static bool IsPlain => TFormat.IsPlain;

    public nint Stride => headSize;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Address(nint row, nint k) => (float*)head + (row * headSize) + k;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Load(nint row, nint k) => TFormat.Load<S>(head, row, k, S.Width, headSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S LoadPartial(nint row, nint k, int count) => TFormat.Load<S>(head, row, k, count, headSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint row, nint k) => CacheLine.Prefetch(head + (TFormat.HeadBytes(headSize) / KeyValueBlocks.BlockSize * row));
}
