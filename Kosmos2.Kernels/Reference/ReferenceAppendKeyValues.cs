namespace Kosmos2.Kernels.Reference;

/// <summary>
/// keys[block, h, slot] = k[r, h] and values[block, h, slot] = v[r, h] with (block, slot) = Slots[r] divided by BlockSize; from layer 0 also
/// bias[block, slot] = KeyVisible[r] ? 0 : HiddenBias.
/// </summary>
internal static class ReferenceAppendKeyValues
{
    public static void Run(StepTable step, Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        int size = blocks.HeadSize;
        for (int r = 0; r < step.RowCount; r++)
        {
            (int block, int slot) = Math.DivRem(step.Slots[r], KeyValueBlocks.BlockSize);
            for (int h = 0; h < blocks.Heads; h++)
            {
                ReferenceAttention.Head(k, r, h, size).CopyTo(ReferenceCachedAttention.Cached(blocks.Keys(layer), blocks, block, h, slot));
                ReferenceAttention.Head(v, r, h, size).CopyTo(ReferenceCachedAttention.Cached(blocks.Values(layer), blocks, block, h, slot));
            }
            if (layer == 0)
                blocks.KeyBias.Row(block)[slot] = step.KeyVisible[r] != 0 ? 0 : KeyValueBlocks.HiddenBias;
        }
    }
}
