namespace Kosmos2.Kernels.Reference;

/// <summary>
/// keys[block, h, slot] = k[r, h] and values[block, h, slot] = v[r, h], in the cache's format, with (block, slot) = Slots[r] divided by BlockSize; from
/// layer 0 also bias[block, slot] = KeyVisible[r] ? 0 : HiddenBias.
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
                ReferenceCacheRow.Write(ReferenceAttention.Head(k, r, h, size), blocks, blocks.Keys(layer), block, h, slot);
                ReferenceCacheRow.Write(ReferenceAttention.Head(v, r, h, size), blocks, blocks.Values(layer), block, h, slot);
            }
            if (layer == 0)
                blocks.KeyBias.Row(block)[slot] = step.KeyVisible[r] != 0 ? 0 : KeyValueBlocks.HiddenBias;
        }
    }
}
