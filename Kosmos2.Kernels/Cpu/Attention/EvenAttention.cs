using Kosmos2.Kernels.Cpu.Cache;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// Attention of a query that sees no visible key: the mean of the values that only one part of the mask forbids, which are the hidden keys
/// among the first <c>seen</c> and the visible keys after them (see <see cref="IBackend.CachedAttention"/>). Only padding has such queries.
/// </summary>
internal static unsafe class EvenAttention<S, TFormat>
    where S : unmanaged, ISimd<S>
    where TFormat : ICachedFormat
{
    /// <summary>Writes one query's output and, unless null, its row of probabilities [keys].</summary>
    public static void Run(CachedKeys<S, TFormat> source, int seen, int keys, int headSize, float* output, float* probabilities)
    {
        int count = 0;
        for (int key = 0; key < keys; key++)
            count += Takes(source, key, seen) ? 1 : 0;
        S divisor = S.Broadcast(count);
        new Span<float>(output, headSize).Clear();
        for (int key = 0; key < keys; key++)
        {
            bool takes = Takes(source, key, seen);
            if (probabilities != null)
                probabilities[key] = takes ? 1f / count : 0;
            if (!takes)
                continue;
            CachedRows<S, TFormat> values = source.Values(key / KeyValueBlocks.BlockSize);
            for (int i = 0; i < headSize; i += S.Width)
            {
                int lanes = Math.Min(S.Width, headSize - i);
                S share = values.LoadPartial(key % KeyValueBlocks.BlockSize, i, lanes) / divisor;
                (S.LoadPartial(output + i, lanes) + share).StorePartial(output + i, lanes);
            }
        }
    }

    private static bool Takes(CachedKeys<S, TFormat> source, int key, int seen)
    {
        bool visible = source.Bias(key / KeyValueBlocks.BlockSize)[key % KeyValueBlocks.BlockSize] == 0;
        return visible == (key >= seen);
    }
}
