using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Cache;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>Where one head's keys and values lie: blocks of <see cref="KeyValueBlocks.BlockSize"/> rows, a key's row and its value's at the same place.</summary>
internal unsafe interface IKeySource<TRows>
{
    /// <summary>Whether <see cref="Bias"/> is to be added to the scores.</summary>
    static abstract bool HasBias { get; }

    /// <summary>A block's keys.</summary>
    TRows Keys(int block);

    /// <summary>A block's values.</summary>
    TRows Values(int block);

    /// <summary>[BlockSize] added to the scores of a block's keys.</summary>
    float* Bias(int block);

    /// <summary>Asks for what is read after a block's keys are: its values, and the next block's keys.</summary>
    /// <param name="block">The block.</param>
    /// <param name="blocks">How many there are; after the last comes, likely, the next item's first.</param>
    void AskBeyond(int block, int blocks);
}

/// <summary>Keys and values as rows of a matrix.</summary>
internal readonly unsafe struct DenseKeys<S>(float* keys, float* values, nint stride) : IKeySource<F32Rows<S>>
    where S : unmanaged, ISimd<S>
{
    public static bool HasBias => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public F32Rows<S> Keys(int block) => new(keys + (block * KeyValueBlocks.BlockSize * stride), stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public F32Rows<S> Values(int block) => new(values + (block * KeyValueBlocks.BlockSize * stride), stride);

    public float* Bias(int block) => null;

    public void AskBeyond(int block, int blocks)
    {
    }
}

/// <summary>
/// Keys and values of one head in blocks of the cache, of which <paramref name="blocks"/> lists a sequence's; <paramref name="blockStride"/> bytes lie
/// between two blocks' parts, and at <paramref name="next"/> those keys that are likely read next.
/// </summary>
internal readonly unsafe struct CachedKeys<S, TFormat>(byte* keys, byte* values, float* bias, int* blocks, nint blockStride, int headSize, byte* next)
    : IKeySource<CachedRows<S, TFormat>>
    where S : unmanaged, ISimd<S>
    where TFormat : ICachedFormat
{
    public static bool HasBias => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CachedRows<S, TFormat> Keys(int block) => new(keys + (blocks[block] * blockStride), headSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CachedRows<S, TFormat> Values(int block) => new(values + (blocks[block] * blockStride), headSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Bias(int block) => bias + ((nint)blocks[block] * KeyValueBlocks.BlockSize);

    // A head's part of a block is a piece of some kilobytes, too short for the hardware to look ahead in.
    public void AskBeyond(int block, int blockCount)
    {
        int headBytes = TFormat.HeadBytes(headSize);
        byte* ahead = block + 1 < blockCount ? keys + (blocks[block + 1] * blockStride) : next;
        byte* own = values + (blocks[block] * blockStride);
        for (int line = 0; line < headBytes; line += CacheLine.Bytes)
        {
            CacheLine.Prefetch(ahead + line);
            CacheLine.Prefetch(own + line);
        }
    }
}
