namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// Attention of a query that sees no visible key: the mean of the values that only one part of the mask forbids, which are the hidden keys
/// among the first <c>seen</c> and the visible keys after them (see <see cref="IBackend.CachedAttention"/>). Only padding has such queries.
/// </summary>
internal static unsafe class EvenAttention
{
    /// <summary>Writes one query's output and, unless null, its row of probabilities [keys].</summary>
    public static void Run(CachedKeys source, int seen, int keys, int headSize, float* output, float* probabilities)
    {
        int count = 0;
        for (int key = 0; key < keys; key++)
            count += Takes(source, key, seen) ? 1 : 0;
        new Span<float>(output, headSize).Clear();
        for (int key = 0; key < keys; key++)
        {
            bool takes = Takes(source, key, seen);
            if (probabilities != null)
                probabilities[key] = takes ? 1f / count : 0;
            if (!takes)
                continue;
            float* value = source.Values(key / KeyValueBlocks.BlockSize) + (key % KeyValueBlocks.BlockSize * source.Stride);
            for (int i = 0; i < headSize; i++)
                output[i] += value[i] / count;
        }
    }

    private static bool Takes(CachedKeys source, int key, int seen)
    {
        bool visible = source.Bias(key / KeyValueBlocks.BlockSize)[key % KeyValueBlocks.BlockSize] == 0;
        return visible == (key >= seen);
    }
}
