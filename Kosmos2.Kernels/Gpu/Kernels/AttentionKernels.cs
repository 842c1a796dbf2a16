using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Sizes of <see cref="AttentionKernels.Packed"/>; <see cref="SharedQueries"/> when q has no batch.</summary>
internal readonly record struct PackedAttentionOptions(
    int Queries, int Keys, int Heads, int HeadSize, float Scale, int SharedQueries, int HasProbabilities);

/// <summary>Sizes of <see cref="AttentionKernels.Cached"/>.</summary>
internal readonly record struct CachedAttentionOptions(float Scale, int HasProbabilities);

/// <summary>
/// p = softmax over j of scale * (q . k[j]) + bias[j]; y = sum over j of p[j] v[j]. A group of threads for each query
/// and head, so that up to as many keys are scored at once; then the threads share out the values. Of more keys the scores are computed twice, first for their
/// maximum and the sum of exponentials, then for the weights, so that nothing of the length of the keys is ever stored.
/// </summary>
internal static class AttentionKernels
{
    /// <summary>Threads of a group of <see cref="Cached"/>; also the keys that are scored at once. A decode step has few groups, whose time is one of waiting.</summary>
    public const int CachedGroup = IlgpuDevices.GroupSize;

    /// <summary>Threads of a group of <see cref="Packed"/>, which has many: smaller ones leave fewer threads idle.</summary>
    public const int PackedGroup = 64;

    /// <summary>Group (query row, head) of the attention without mask.</summary>
    public static void Packed(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> probabilities, PackedAttentionOptions options)
    {
        int row = Grid.IdxX;
        int head = Grid.IdxY;
        int batch = row / options.Queries;
        int query = row % options.Queries;
        int width = options.Heads * options.HeadSize;
        var keys = new PackedKeys(k, v, (batch * options.Keys * width) + (head * options.HeadSize), width);
        int queryRow = options.SharedQueries != 0 ? query : row;
        var place = new QueryPlace(
            (queryRow * width) + (head * options.HeadSize),
            (row * width) + (head * options.HeadSize),
            (((((long)batch * options.Heads) + head) * options.Queries) + query) * options.Keys,
            options.Keys,
            options.Keys);
        Attend(q, y, probabilities, keys, place, options.HeadSize, options.Scale, options.HasProbabilities != 0);
    }

    /// <summary>Group (row of the step, head) of the causal attention to cached keys.</summary>
    public static void Cached<TRows>(
        ArrayView<float> q,
        CacheViews<TRows> cache,
        SequenceViews step,
        ArrayView<float> y,
        ArrayView<float> probabilities,
        CachedAttentionOptions options)
        where TRows : struct, ICachedRows
    {
        int row = Grid.IdxX;
        int head = Grid.IdxY;
        int sequence = step.RowSequences[row];
        int rows = step.RowStarts[sequence + 1] - step.RowStarts[sequence];
        int within = row - step.RowStarts[sequence];
        int count = step.KeyCounts[sequence];
        // The probabilities of all sequences before this one come first.
        long before = 0;
        for (int s = 0; s < sequence; s++)
            before += (long)(step.RowStarts[s + 1] - step.RowStarts[s]) * step.KeyCounts[s];
        int element = ((row * cache.Heads) + head) * cache.HeadSize;
        var place = new QueryPlace(
            element, element, (before * cache.Heads) + ((((long)head * rows) + within) * count), count - rows + within + 1, count);
        var keys = new CachedKeys<TRows>(cache, step.Blocks, step.BlockStarts[sequence], head);
        Attend(q, y, probabilities, keys, place, cache.HeadSize, options.Scale, options.HasProbabilities != 0);
    }

    private static void Attend<TKeys>(
        ArrayView<float> q,
        ArrayView<float> y,
        ArrayView<float> probabilities,
        TKeys keys,
        QueryPlace place,
        int headSize,
        float scale,
        bool hasProbabilities)
        where TKeys : struct, IAttendedKeys
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(CachedGroup);
        ArrayView<int> offsets = SharedMemory.Allocate<int>(CachedGroup);
        int thread = Group.IdxX;
        int size = Group.DimX;

        // Largest score and sum of exponentials of this thread's keys, rescaled whenever a larger score comes.
        float largest = float.NegativeInfinity;
        float sum = 0;
        float first = 0;
        for (int j = thread; j < place.Seen; j += size)
        {
            float score = Score(q, keys, place.Query, j, headSize, scale);
            if (j == thread)
                first = score;
            if (score > largest)
            {
                sum *= XMath.Exp(largest - score);
                largest = score;
            }
            sum += XMath.Exp(score - largest);
        }
        float maximum = GroupReduction.Max(shared, largest);

        // A query that sees no visible key attends evenly to what it sees and to the visible keys after it.
        sum = sum == 0 ? 0 : sum * XMath.Exp(largest - maximum);
        // Scores that are no numbers are no larger than any; their sum stays none.
        bool even = maximum < KeyValueBlocks.HiddenBias / 2 && !float.IsNaN(GroupReduction.Sum(shared, sum));
        if (even)
        {
            sum = 0;
            for (int j = thread; j < place.Keys; j += size)
                sum += EvenWeight(keys, place, j);
        }
        float total = GroupReduction.Sum(shared, sum);

        // Threads of large groups share the values: thread (part, d) sums element d of every parts-th one.
        int parts = size == CachedGroup ? Math.Max(1, size / headSize) : 1;
        int part = thread / headSize;
        int element = thread - (part * headSize);
        for (int column = 0; column < headSize; column += size)
        {
            int d = column + element;
            bool adds = part < parts && d < headSize;
            float value = 0;
            for (int start = 0; start < place.Keys; start += size)
            {
                int j = start + thread;
                float p = 0;
                if (even && j < place.Keys)
                    p = EvenWeight(keys, place, j) / total;
                else if (j < place.Seen)
                    p = XMath.Exp((start == 0 ? first : Score(q, keys, place.Query, j, headSize, scale)) - maximum) / total;
                shared[thread] = j < place.Keys ? p * keys.ValueScale(j) : 0;
                offsets[thread] = j < place.Keys ? keys.Offset(j) : 0;
                if (hasProbabilities && j < place.Keys)
                    probabilities[place.Probabilities + j] = p;
                Group.Barrier();
                if (adds)
                    value = Add(value, keys, shared, offsets, part, parts, Math.Min(size, (even ? place.Keys : place.Seen) - start), d);
                Group.Barrier();
            }
            shared[thread] = value;
            Group.Barrier();
            if (adds && part == 0)
            {
                for (int other = 1; other < parts; other++)
                    value += shared[(other * headSize) + element];
                y[place.Result + d] = value;
            }
            Group.Barrier();
        }
    }

    /// <summary>value + the sum over i = from, from + step, ... below end of weights[i] times element d of value i; eight loads are under way at once.</summary>
    private static float Add<TKeys>(
        float value, TKeys keys, ArrayView<float> weights, ArrayView<int> offsets, int from, int step, int end, int d)
        where TKeys : struct, IAttendedKeys
    {
        int i = from;
        for (; i + (7 * step) < end; i += 8 * step)
        {
            float v0 = keys.Value(offsets[i] + d);
            float v1 = keys.Value(offsets[i + step] + d);
            float v2 = keys.Value(offsets[i + (2 * step)] + d);
            float v3 = keys.Value(offsets[i + (3 * step)] + d);
            float v4 = keys.Value(offsets[i + (4 * step)] + d);
            float v5 = keys.Value(offsets[i + (5 * step)] + d);
            float v6 = keys.Value(offsets[i + (6 * step)] + d);
            float v7 = keys.Value(offsets[i + (7 * step)] + d);
            value += weights[i] * v0;
            value += weights[i + step] * v1;
            value += weights[i + (2 * step)] * v2;
            value += weights[i + (3 * step)] * v3;
            value += weights[i + (4 * step)] * v4;
            value += weights[i + (5 * step)] * v5;
            value += weights[i + (6 * step)] * v6;
            value += weights[i + (7 * step)] * v7;
        }
        for (; i < end; i += step)
            value += weights[i] * keys.Value(offsets[i] + d);
        return value;
    }

    private static float Score<TKeys>(ArrayView<float> q, TKeys keys, int query, int j, int headSize, float scale)
        where TKeys : struct, IAttendedKeys
    {
        int key = keys.Offset(j);
        float sum = 0;
        int d = 0;
        for (; d + 7 < headSize; d += 8)
        {
            float k0 = keys.Key(key + d);
            float k1 = keys.Key(key + d + 1);
            float k2 = keys.Key(key + d + 2);
            float k3 = keys.Key(key + d + 3);
            float k4 = keys.Key(key + d + 4);
            float k5 = keys.Key(key + d + 5);
            float k6 = keys.Key(key + d + 6);
            float k7 = keys.Key(key + d + 7);
            sum += q[query + d] * k0;
            sum += q[query + d + 1] * k1;
            sum += q[query + d + 2] * k2;
            sum += q[query + d + 3] * k3;
            sum += q[query + d + 4] * k4;
            sum += q[query + d + 5] * k5;
            sum += q[query + d + 6] * k6;
            sum += q[query + d + 7] * k7;
        }
        for (; d < headSize; d++)
            sum += q[query + d] * keys.Key(key + d);
        return (sum * keys.KeyScale(j) * scale) + keys.Bias(j);
    }

    /// <summary>1 for a hidden key that the query sees and for a visible one after it.</summary>
    private static float EvenWeight<TKeys>(TKeys keys, QueryPlace place, int j)
        where TKeys : struct, IAttendedKeys
    {
        bool hidden = keys.Bias(j) < 0;
        return hidden == (j < place.Seen) ? 1 : 0;
    }

    /// <summary>Where a query's head, its result and its probabilities begin, how many of the keys it sees, and how many there are.</summary>
    private readonly record struct QueryPlace(int Query, int Result, long Probabilities, int Seen, int Keys);
}
