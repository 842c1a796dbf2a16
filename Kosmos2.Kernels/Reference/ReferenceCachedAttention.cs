namespace Kosmos2.Kernels.Reference;

/// <summary>
/// For each sequence with n rows and K keys, head h and row i of n: p = softmax over j of 0 .. K - n + i of scale * (q[i, h] . key[j, h]) + bias[j];
/// y[i, h] = sum over j of p[j] value[j, h]. Key j of a sequence lies in block Blocks[j / BlockSize], slot j % BlockSize. A row without any
/// visible key among those attends evenly to them and to the visible keys after them.
/// </summary>
internal static class ReferenceCachedAttention
{
    public static void Run(StepTable step, Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities)
    {
        int written = 0;
        for (int s = 0; s < step.SequenceCount; s++)
        {
            int first = step.RowStarts[s];
            int rows = step.RowStarts[s + 1] - first;
            int keys = step.KeyCounts[s];
            ReadOnlySpan<int> table = step.Blocks[step.BlockStarts[s]..step.BlockStarts[s + 1]];
            var p = new double[keys];
            for (int h = 0; h < blocks.Heads; h++)
            {
                for (int i = 0; i < rows; i++)
                {
                    Query(q, first + i, h, blocks, layer, table, scale, p, keys - rows + i + 1, y);
                    for (int j = 0; probabilities is not null && j < keys; j++)
                        probabilities.AsSpan<float>()[written++] = (float)p[j];
                }
            }
        }
    }

    private static void Query(
        Tensor q, int row, int h, KeyValueBlocks blocks, int layer, ReadOnlySpan<int> table, float scale, Span<double> p, int seen, Tensor y)
    {
        int size = blocks.HeadSize;
        ReadOnlySpan<float> query = ReferenceAttention.Head(q, row, h, size);
        bool anyVisible = false;
        for (int j = 0; j < seen; j++)
            anyVisible |= Bias(blocks, table, j) == 0;
        for (int j = 0; j < p.Length; j++)
        {
            bool visible = Bias(blocks, table, j) == 0;
            if (!anyVisible)
                p[j] = visible == (j < seen) ? double.NegativeInfinity : 0;
            else if (visible && j < seen)
                p[j] = scale * ReferenceAttention.Dot(query, Cached(blocks.Keys(layer), blocks, table, h, j));
            else
                p[j] = double.NegativeInfinity;
        }
        ReferenceSoftmax.Run(p);

        var sum = new double[size];
        for (int j = 0; j < p.Length; j++)
        {
            float[] value = Cached(blocks.Values(layer), blocks, table, h, j);
            for (int d = 0; d < size; d++)
                sum[d] += p[j] * value[d];
        }
        for (int d = 0; d < size; d++)
            ReferenceAttention.Head(y, row, h, size)[d] = (float)sum[d];
    }

    private static float Bias(KeyValueBlocks blocks, ReadOnlySpan<int> table, int j) =>
        blocks.KeyBias.Row(table[j / KeyValueBlocks.BlockSize])[j % KeyValueBlocks.BlockSize];

    private static float[] Cached(Tensor cache, KeyValueBlocks blocks, ReadOnlySpan<int> table, int h, int j) =>
        ReferenceCacheRow.Read(blocks, cache, table[j / KeyValueBlocks.BlockSize], h, j % KeyValueBlocks.BlockSize);
}
