using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Cache;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>Where one head's keys and values lie, in blocks of <see cref="KeyValueBlocks.BlockSize"/>.</summary>
internal unsafe interface IKeySource<TValues>
{
    /// <summary>Whether there is something to be added to the scores.</summary>
    static abstract bool HasBias { get; }

    /// <summary>Brings keys into panels [panel][headSize][PanelWidth]; what stands behind the last key is not defined.</summary>
    /// <param name="key">First key, a block's first.</param>
    /// <param name="count">Keys.</param>
    /// <param name="packed">The panels.</param>
    void PackKeys(int key, int count, float* packed);

    /// <summary>Copies what is added to the scores of keys.</summary>
    /// <param name="key">First key, a block's first.</param>
    /// <param name="count">Keys.</param>
    /// <param name="bias">[count], up to whole blocks.</param>
    void CopyBias(int key, int count, float* bias);

    /// <summary>A block's values.</summary>
    TValues Values(int block);
}

/// <summary>Keys and values as rows of a matrix.</summary>
internal readonly unsafe struct DenseKeys<S>(float* keys, float* values, nint stride, int headSize) : IKeySource<F32Rows<S>>
    where S : unmanaged, ISimd<S>
{
    public static bool HasBias => false;

    public void PackKeys(int key, int count, float* packed)
    {
        int width = Panel<S>.Width;
        var rows = new F32Rows<S>(keys, stride);
        for (int i = 0; i < count; i += width)
            Packing.Pack<S, F32Rows<S>>(rows, key + i, Math.Min(width, count - i), 0, headSize, packed + ((nint)i * headSize), width, width);
    }

    public void CopyBias(int key, int count, float* bias)
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public F32Rows<S> Values(int block) => new(values + (block * KeyValueBlocks.BlockSize * stride), stride);
}

/// <summary>Keys and values of one head and one sequence in the cache.</summary>
/// <param name="keys">The head's part of block 0.</param>
/// <param name="values">The same of the values.</param>
/// <param name="bias">[blocks, BlockSize].</param>
/// <param name="blocks">The sequence's blocks.</param>
/// <param name="blockStride">Bytes from one block's part to the next one's.</param>
/// <param name="headSize">Width of a head.</param>
internal readonly unsafe struct CachedKeys<S, TFormat>(byte* keys, byte* values, float* bias, int* blocks, nint blockStride, int headSize) : IKeySource<CachedRows<S, TFormat>>
    where S : unmanaged, ISimd<S>
    where TFormat : ICachedFormat
{
    private const int BlockSize = KeyValueBlocks.BlockSize;

    public static bool HasBias => true;

    /// <summary>A block's keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CachedHead<TFormat> Keys(int block) => new(keys + (blocks[block] * blockStride), headSize);

    /// <summary>A block's values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CachedHead<TFormat> ValueHead(int block) => new(values + (blocks[block] * blockStride), headSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CachedRows<S, TFormat> Values(int block) => new(ValueHead(block));

    /// <summary>Bytes from a key to its value.</summary>
    public nint ToValues
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (nint)(values - keys);
    }

    /// <summary>[BlockSize] added to the scores of a block's keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Bias(int block) => bias + ((nint)blocks[block] * BlockSize);

    public void PackKeys(int key, int count, float* packed)
    {
        int width = Panel<S>.Width;
        for (int i = 0; i < (count + width - 1) / width * width; i += S.Width)
        {
            // A panel may be two blocks; the last one's second may not exist.
            CachedHead<TFormat> head = Keys((key + Math.Min(i, count - 1)) / BlockSize);
            int slot = (key + i) % BlockSize;
            float* destination = packed + ((nint)(i / width) * width * headSize) + (i % width);
            for (nint k = 0; k < headSize; k++, destination += width)
                head.Keys<S>(slot, k).Store(destination);
        }
    }

    public void CopyBias(int key, int count, float* copy)
    {
        for (int i = 0; i < count; i += BlockSize)
            Unsafe.CopyBlockUnaligned(copy + i, Bias((key + i) / BlockSize), BlockSize * sizeof(float));
    }
}
