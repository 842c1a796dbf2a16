using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>One layer of a cache: keys and values [blocks, heads] parts, and what is added to scores [blocks, BlockSize].</summary>
internal readonly record struct CacheViews<TRows>(TRows Keys, TRows Values, ArrayView<float> Bias, int Heads, int HeadSize)
    where TRows : struct, ICachedRows;

/// <summary>The sections of a step's table that the cache's kernels read.</summary>
internal readonly record struct SequenceViews(
    ArrayView<int> Slots,
    ArrayView<int> KeyVisible,
    ArrayView<int> RowSequences,
    ArrayView<int> RowStarts,
    ArrayView<int> KeyCounts,
    ArrayView<int> BlockStarts,
    ArrayView<int> Blocks);

/// <summary>Moves keys and values: one thread for each element.</summary>
internal static class CacheKernels
{
    /// <summary>
    /// cache[block, h, slot, d] = x[r, h, d] for keys and values, in the cache's format, with (block, slot) = Slots[r] divided by BlockSize; in the first layer
    /// also bias[Slots[r]] = KeyVisible[r] ? 0 : HiddenBias.
    /// </summary>
    public static void Append<TRows>(Index1D index, ArrayView<float> k, ArrayView<float> v, SequenceViews step, CacheViews<TRows> cache, int isFirstLayer)
        where TRows : struct, ICachedRows
    {
        int width = cache.Heads * cache.HeadSize;
        int row = index / width;
        int head = index / cache.HeadSize % cache.Heads;
        int element = index % cache.HeadSize;
        int slot = step.Slots[row];
        int part = (slot / KeyValueBlocks.BlockSize * cache.Heads) + head;
        int within = slot % KeyValueBlocks.BlockSize;
        cache.Keys.Store(part, within, element, k, index - element, cache.HeadSize);
        cache.Values.Store(part, within, element, v, index - element, cache.HeadSize);
        if (isFirstLayer != 0 && index % width == 0)
            cache.Bias[slot] = step.KeyVisible[row] != 0 ? 0 : KeyValueBlocks.HiddenBias;
    }

    /// <summary>Block pairs[2 i + 1] = block pairs[2 i], for blocks of <paramref name="length"/> words.</summary>
    public static void CopyBlocks(Index1D index, ArrayView<int> pairs, ArrayView<int> cache, int length)
    {
        int pair = index / length;
        int word = index % length;
        cache[(pairs[(2 * pair) + 1] * length) + word] = cache[(pairs[2 * pair] * length) + word];
    }

    /// <summary>y[i] = x[rows[i]], rows of <paramref name="width"/> elements.</summary>
    public static void Gather(Index1D index, ArrayView<int> rows, ArrayView<float> x, ArrayView<float> y, int width) =>
        y[index] = x[(rows[index / width] * width) + (index % width)];
}
