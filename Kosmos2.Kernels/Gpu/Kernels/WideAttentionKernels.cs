using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Causal attention to cached keys, for whoever does not ask for the probabilities: a group for each query and head. 16 threads have a key, four elements each,
/// so that keys and values are read as they lie; a group asks for 8 keys and 8 values a thread at once, before it knows any score. It keeps the largest score, the
/// sum of exponentials and the weighted sum of values so far, the latter two rescaled when a larger score comes, so nothing grows with the number of keys, and
/// the order of the sums depends on the keys alone, not on the step's other rows.
/// </summary>
internal static class WideAttentionKernels
{
    /// <summary>Most threads of a group, a power of two.</summary>
    public const int MostThreads = 512;

    /// <summary>Elements that a thread has of a key.</summary>
    public const int Wide = 4;

    // Threads of a key.
    private const int Lanes = 16;
    private const int MostHeadSize = Lanes * Wide;

    // Keys that are scored at a time.
    private const int MostKeys = MostThreads / Lanes * CachedOctet.Rows;

    // From one key's partial sums to the next key's: threads that add up one key each meet all banks.
    private const int PartsPitch = Lanes + 1;

    /// <summary>Whether heads of a size can be attended to here.</summary>
    internal static bool Takes(int headSize) => headSize <= MostHeadSize && headSize % Wide == 0;

    /// <summary>Group (row of the step, head).</summary>
    public static void Cached<TRows>(ArrayView<float> q, CacheViews<TRows> cache, SequenceViews step, ArrayView<float> y, float scale)
        where TRows : struct, ICachedRows
    {
        ArrayView<float> parts = SharedMemory.Allocate<float>(MostKeys * PartsPitch);
        ArrayView<float> weights = SharedMemory.Allocate<float>(MostKeys);
        ArrayView<float> shared = SharedMemory.Allocate<float>(MostThreads);
        int sequence = step.RowSequences[Grid.IdxX];
        int count = step.KeyCounts[sequence];
        int seen = count - step.RowStarts[sequence + 1] + Grid.IdxX + 1;
        var keys = new CachedKeys<TRows>(cache, step.Blocks, step.BlockStarts[sequence], Grid.IdxY);
        int head = ((Grid.IdxX * cache.Heads) + Grid.IdxY) * cache.HeadSize;

        int slots = Group.DimX / Lanes;
        int slot = Group.IdxX / Lanes;
        int lane = Group.IdxX & (Lanes - 1);
        // Threads behind a small head read its first elements, which count for nothing.
        bool busy = lane * Wide < cache.HeadSize;
        int element = busy ? lane * Wide : 0;
        Quad query = busy ? Quad.LoadWide(q, head + element) : default;

        float largest = float.NegativeInfinity;
        float sum = 0;
        Quad value = default;
        // A query that sees no visible key goes through them once more: it attends evenly to what it sees and to the visible keys after it.
        int passes = 1;
        for (int pass = 0; pass < passes; pass++)
        {
            bool even = pass > 0;
            int end = even ? count : seen;
            largest = float.NegativeInfinity;
            sum = 0;
            value = default;
            for (int start = 0; start < end; start += slots * CachedOctet.Rows)
            {
                RowOffsets rows = RowOffsets.Of(keys, start + slot, slots, end);
                CachedOctet k = CachedOctet.Load(cache.Keys, rows, element);
                CachedOctet v = CachedOctet.Load(cache.Values, rows, element);
                k.Dots(query).Store(parts, (slot * PartsPitch) + lane, slots * PartsPitch);
                Group.Barrier();

                int key = start + Group.IdxX;
                bool scores = Group.IdxX < slots * CachedOctet.Rows && key < end;
                float score = float.NegativeInfinity;
                float valueScale = 0;
                if (scores)
                {
                    float dot = 0;
                    for (int i = 0; i < Lanes; i++)
                        dot += parts[(Group.IdxX * PartsPitch) + i];
                    score = even ? EvenScore(keys, key, seen) : (dot * keys.KeyScale(key) * scale) + keys.Bias(key);
                    valueScale = keys.ValueScale(key);
                }
                float larger = XMath.Max(largest, GroupReduction.Max(shared, score));
                float faded = XMath.Exp(largest - larger);
                float weight = XMath.Exp(score - larger);
                largest = larger;
                sum = (sum * faded) + weight;
                if (Group.IdxX < slots * CachedOctet.Rows)
                    weights[Group.IdxX] = weight * valueScale;
                Group.Barrier();
                value = v.Weighted(value.Times(faded), weights, slot, slots);
            }
            // Scores that are no numbers are no larger than any; their sum stays none.
            if (pass == 0 && largest < KeyValueBlocks.HiddenBias / 2 && !float.IsNaN(GroupReduction.Sum(shared, sum)))
                passes = 2;
        }
        float total = GroupReduction.Sum(shared, sum);
        value.StoreWide(parts, (slot * MostHeadSize) + (lane * Wide));
        Group.Barrier();
        if (Group.IdxX < cache.HeadSize)
        {
            float result = 0;
            for (int i = 0; i < slots; i++)
                result += parts[(i * MostHeadSize) + Group.IdxX];
            y[head + Group.IdxX] = result / total;
        }
    }

    /// <summary>0 for a hidden key that the query sees and for a visible one after it; for others so little that none counts beside one of those.</summary>
    private static float EvenScore<TRows>(CachedKeys<TRows> keys, int key, int seen)
        where TRows : struct, ICachedRows => keys.Bias(key) < 0 == key < seen ? 0 : KeyValueBlocks.HiddenBias;
}
