using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>What is stored in the cache's blocks, to the bit: appending, forking, growing.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.All))]
public sealed class CacheConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    [Test]
    public void AppendWritesEachRowToItsSlot([Values(1, 8, 9, 64)] int headSize) => ConformsExactly($"{headSize}", bench =>
    {
        KeyValueBlocks cache = bench.Cache(2, 3, headSize, 6);
        Append(bench, cache, 10, new SequenceRows([4, 1], 19, 19, p => p != 7), new SequenceRows([2], 3, 3, _ => false));
        return Contents(bench, cache);
    });

    /// <summary>A fork copies its parent's tail block, then both go their own way.</summary>
    [Test]
    public void CopyBlocksForksASequence() => ConformsExactly("fork", bench =>
    {
        KeyValueBlocks cache = bench.Cache(2, 2, 11, 9);
        Append(bench, cache, 10, new SequenceRows([4, 1], 19, 19, p => p % 4 != 0), new SequenceRows([2], 5, 5));
        bench.Backend.CopyBlocks(cache, [(1, 7), (2, 0), (1, 3)]);
        Append(bench, cache, 20, new SequenceRows([4, 1], 20, 1), new SequenceRows([4, 7], 20, 1), new SequenceRows([4, 3], 20, 1, _ => false));
        return Contents(bench, cache);
    });

    [Test]
    public void CopyBlocksOfNoPairsDoesNothing() => ConformsExactly("no pairs", bench =>
    {
        KeyValueBlocks cache = bench.Cache(1, 2, 8, 2);
        Append(bench, cache, 10, new SequenceRows([1], 16, 16));
        bench.Backend.CopyBlocks(cache, []);
        return Contents(bench, cache);
    });

    [Test]
    public void GrowingKeepsWhatIsCached() => ConformsExactly("growth", bench =>
    {
        KeyValueBlocks cache = bench.Cache(2, 2, 9, 2);
        Append(bench, cache, 10, new SequenceRows([1, 0], 32, 32, p => p != 3));
        cache.EnsureCapacity(7);
        Append(bench, cache, 20, new SequenceRows([1, 0, 6], 37, 5));
        return Contents(bench, cache);
    });

    private static void Append(Workbench bench, KeyValueBlocks cache, int seed, params ReadOnlySpan<SequenceRows> sequences)
    {
        int rows = bench.Begin(Steps.Of(sequences)).RowCount;
        int width = cache.Heads * cache.HeadSize;
        for (int layer = 0; layer < cache.Layers; layer++)
            bench.Backend.AppendKeyValues(bench.Random(seed + layer, rows, width), bench.Random(seed + layer + 100, rows, width), cache, layer);
        bench.Backend.EndStep();
    }

    private static float[] Contents(Workbench bench, KeyValueBlocks cache)
    {
        var contents = new List<float>(bench.Read(cache.KeyBias));
        for (int layer = 0; layer < cache.Layers; layer++)
        {
            contents.AddRange(bench.Read(cache.Keys(layer)));
            contents.AddRange(bench.Read(cache.Values(layer)));
        }
        return [.. contents];
    }
}
