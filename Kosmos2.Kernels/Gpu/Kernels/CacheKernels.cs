using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Moves keys and values: one thread for each element.</summary>
internal static class CacheKernels
{
    /// <summary>cache[block, h, slot, d] = x[r, h, d] for keys and values, with (block, slot) = Slots[r] divided by BlockSize.</summary>
    public static void Append(
        Index1D index, ArrayView<int> slots, ArrayView<float> k, ArrayView<float> v, ArrayView<float> keys, ArrayView<float> values, int heads, int headSize)
    {
        int row = index / (heads * headSize);
        int head = index / headSize % heads;
        int block = slots[row] / KeyValueBlocks.BlockSize;
        int slot = slots[row] % KeyValueBlocks.BlockSize;
        int place = (((((block * heads) + head) * KeyValueBlocks.BlockSize) + slot) * headSize) + (index % headSize);
        keys[place] = k[index];
        values[place] = v[index];
    }

    /// <summary>bias[Slots[r]] = KeyVisible[r] ? 0 : HiddenBias.</summary>
    public static void AppendBias(Index1D row, ArrayView<int> slots, ArrayView<int> visible, ArrayView<float> bias) =>
        bias[slots[row]] = visible[row] != 0 ? 0 : KeyValueBlocks.HiddenBias;

    /// <summary>Block pairs[2 i + 1] = block pairs[2 i], for blocks of <paramref name="length"/> elements.</summary>
    public static void CopyBlocks(Index1D index, ArrayView<int> pairs, ArrayView<float> cache, int length)
    {
        int pair = index / length;
        int element = index % length;
        cache[(pairs[(2 * pair) + 1] * length) + element] = cache[(pairs[2 * pair] * length) + element];
    }

    /// <summary>y[i] = x[rows[i]], rows of <paramref name="width"/> elements.</summary>
    public static void Gather(Index1D index, ArrayView<int> rows, ArrayView<float> x, ArrayView<float> y, int width) =>
        y[index] = x[(rows[index / width] * width) + (index % width)];
}
