using System.Runtime.CompilerServices;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>Where one head's keys and values lie: blocks of <see cref="KeyValueBlocks.BlockSize"/> rows, a key's row and its value's at the same place.</summary>
internal unsafe interface IKeySource
{
    /// <summary>Whether <see cref="Bias"/> is to be added to the scores.</summary>
    static abstract bool HasBias { get; }

    /// <summary>Floats from one row of a block to the next.</summary>
    nint Stride { get; }

    /// <summary>First key of a block.</summary>
    float* Keys(int block);

    /// <summary>First value of a block.</summary>
    float* Values(int block);

    /// <summary>[BlockSize] added to the scores of a block's keys.</summary>
    float* Bias(int block);
}

/// <summary>Keys and values as rows of a matrix.</summary>
internal readonly unsafe struct DenseKeys(float* keys, float* values, nint stride) : IKeySource
{
    public static bool HasBias => false;

    public nint Stride => stride;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Keys(int block) => keys + (block * KeyValueBlocks.BlockSize * stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Values(int block) => values + (block * KeyValueBlocks.BlockSize * stride);

    public float* Bias(int block) => null;
}

/// <summary>Keys and values in blocks of the cache: [blocks, heads, BlockSize, headSize], of which <paramref name="blocks"/> lists a sequence's.</summary>
internal readonly unsafe struct CachedKeys(float* keys, float* values, float* bias, int* blocks, nint blockStride, int headSize) : IKeySource
{
    public static bool HasBias => true;

    public nint Stride => headSize;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Keys(int block) => keys + (blocks[block] * blockStride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Values(int block) => values + (blocks[block] * blockStride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Bias(int block) => bias + ((nint)blocks[block] * KeyValueBlocks.BlockSize);
}
