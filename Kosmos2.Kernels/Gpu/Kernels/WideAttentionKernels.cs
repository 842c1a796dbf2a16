using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Causal attention to cached keys, for whoever does not ask for the probabilities: a group for each query and head, or several where those are too few to fill
/// the device. 16 threads have a key, four elements each, so that keys and values are read as they lie; a group asks for 8 keys and 8 values a thread at once,
/// before it knows any score. It keeps the largest score, the sum of exponentials and the weighted sum of values so far, the latter two rescaled when a larger
/// score comes, so nothing grows with the number of keys. Many keys are taken in runs (<see cref="KeySplits"/>), each with sums of its own, which are added up in
/// order by the group itself or by the last of those that share them: the order of the sums depends on the keys alone, neither on the step's other rows nor on
/// how many groups there are.
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

    /// <summary>Group (row of the step, head, g): every run of keys from the g-th on, as many further as there are groups of the row and head.</summary>
    public static void Cached<TRows>(ArrayView<float> q, CacheViews<TRows> cache, SequenceViews step, SharedKeys others, ArrayView<float> y, float scale)
        where TRows : struct, ICachedRows
    {
        var memory = new GroupMemory(
            SharedMemory.Allocate<float>(MostKeys * PartsPitch), SharedMemory.Allocate<float>(MostKeys), SharedMemory.Allocate<float>(MostThreads));
        int sequence = step.RowSequences[Grid.IdxX];
        int count = step.KeyCounts[sequence];
        int seen = count - step.RowStarts[sequence + 1] + Grid.IdxX + 1;
        KeySplits splits = KeySplits.Of(seen);
        int groups = Math.Min(Grid.DimZ, splits.Count);
        if (Grid.IdxZ >= groups)
            return;
        var keys = new CachedKeys<TRows>(cache, step.Blocks, step.BlockStarts[sequence], Grid.IdxY);
        int place = (Grid.IdxX * cache.Heads) + Grid.IdxY;
        int head = place * cache.HeadSize;
        // Threads behind a small head read its first elements, which count for nothing.
        int element = (Group.IdxX & (Lanes - 1)) * Wide;
        bool busy = element < cache.HeadSize;
        element = busy ? element : 0;
        Quad query = busy ? Quad.LoadWide(q, head + element) : default;

        AttentionSum all = AttentionSum.None;
        // A query that sees no visible key goes through them once more: it attends evenly to what it sees and to the visible keys after it.
        int passes = 1;
        for (int pass = 0; pass < passes; pass++)
        {
            bool even = pass > 0;
            int end = even ? count : seen;
            all = AttentionSum.None;
            // Groups that share the keys leave the sums of their runs; the last of them adds all up. A group alone adds them up as they come, by the same instructions.
            int turns = groups > 1 && !even ? 2 : 1;
            for (int turn = 0; turn < turns; turn++)
            {
                bool leaves = turn + 1 < turns;
                if (turn > 0 && !others.Arrive(place, groups, memory.Reduced))
                    return;
                for (int run = leaves ? Grid.IdxZ : 0; run * splits.Length < end; run += leaves ? groups : 1)
                {
                    int start = run * splits.Length;
                    AttentionSum sum = turn > 0
                        ? others.Load(place, run, cache.HeadSize)
                        : OfRun(query, element, cache, keys, new KeyRun(start, Math.Min(end, start + splits.Length), seen, even), scale, memory);
                    if (leaves)
                        others.Store(place, run, cache.HeadSize, sum);
                    else
                        all = all.Plus(sum);
                }
            }
            // Scores that are no numbers are no larger than any; their sum stays none.
            if (pass == 0 && all.Largest < KeyValueBlocks.HiddenBias / 2 && !float.IsNaN(all.Weights))
                passes = 2;
        }
        if (Group.IdxX < cache.HeadSize)
            y[head + Group.IdxX] = all.Value / all.Weights;
    }

    private static AttentionSum OfRun<TRows>(
        Quad query, int element, CacheViews<TRows> cache, CachedKeys<TRows> keys, KeyRun run, float scale, GroupMemory memory)
        where TRows : struct, ICachedRows
    {
        int slots = Group.DimX / Lanes;
        int slot = Group.IdxX / Lanes;
        int lane = Group.IdxX & (Lanes - 1);
        float largest = float.NegativeInfinity;
        float sum = 0;
        Quad value = default;
        // The sums of the run before have been read.
        Group.Barrier();
        for (int start = run.Start; start < run.End; start += slots * CachedOctet.Rows)
        {
            RowOffsets rows = RowOffsets.Of(keys, start + slot, slots, run.End);
            CachedOctet k = CachedOctet.Load(cache.Keys, rows, element);
            CachedOctet v = CachedOctet.Load(cache.Values, rows, element);
            k.Dots(query).Store(memory.Parts, (slot * PartsPitch) + lane, slots * PartsPitch);
            Group.Barrier();

            int key = start + Group.IdxX;
            bool scores = Group.IdxX < slots * CachedOctet.Rows && key < run.End;
            float score = float.NegativeInfinity;
            float valueScale = 0;
            if (scores)
            {
                float dot = 0;
                for (int i = 0; i < Lanes; i++)
                    dot += memory.Parts[(Group.IdxX * PartsPitch) + i];
                score = run.IsEven ? EvenScore(keys, key, run.Seen) : (dot * keys.KeyScale(key) * scale) + keys.Bias(key);
                valueScale = keys.ValueScale(key);
            }
            float larger = XMath.Max(largest, GroupReduction.Max(memory.Reduced, score));
            float faded = XMath.Exp(largest - larger);
            float weight = XMath.Exp(score - larger);
            largest = larger;
            sum = (sum * faded) + weight;
            if (Group.IdxX < slots * CachedOctet.Rows)
                memory.Weights[Group.IdxX] = weight * valueScale;
            Group.Barrier();
            value = v.Weighted(value.Times(faded), memory.Weights, slot, slots);
        }
        float total = GroupReduction.Sum(memory.Reduced, sum);
        value.StoreWide(memory.Parts, (slot * MostHeadSize) + (lane * Wide));
        Group.Barrier();
        float result = 0;
        if (Group.IdxX < cache.HeadSize)
        {
            for (int i = 0; i < slots; i++)
                result += memory.Parts[(i * MostHeadSize) + Group.IdxX];
        }
        return new AttentionSum(largest, total, result);
    }

    /// <summary>0 for a hidden key that the query sees and for a visible one after it; for others so little that none counts beside one of those.</summary>
    private static float EvenScore<TRows>(CachedKeys<TRows> keys, int key, int seen)
        where TRows : struct, ICachedRows => keys.Bias(key) < 0 == key < seen ? 0 : KeyValueBlocks.HiddenBias;

    /// <summary>A run of keys: of those that the query sees, or of all where it attends evenly.</summary>
    private readonly record struct KeyRun(int Start, int End, int Seen, bool IsEven);

    /// <summary>Shared memory of a group: partial scores of keys, their weights, and a float for each thread.</summary>
    private readonly record struct GroupMemory(ArrayView<float> Parts, ArrayView<float> Weights, ArrayView<float> Reduced);
}
