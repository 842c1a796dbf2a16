using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>What is stored in the cache's blocks, to the bit: appending, forking, growing.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.All))]
public sealed class CacheConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    [Test]
    public void AppendWritesEachRowToItsSlot([Values] CacheFormat format, [Values(1, 8, 9, 21, 64)] int headSize) => Exactly(format, bench =>
    {
        KeyValueBlocks cache = bench.Cache(2, 3, headSize, 6, format);
        Append(bench, cache, 10, new SequenceRows([4, 1], 19, 19, p => p != 7), new SequenceRows([2], 3, 3, _ => false));
        return Contents(bench, cache);
    });

    /// <summary>Halfway cases, signed zeros, the smallest and largest floats, and no numbers at all.</summary>
    [Test]
    public void AppendRoundsAllFloatsAlike([Values] CacheFormat format, [Values(13, 16, 64)] int headSize) => Exactly(format, bench =>
    {
        float[][] rows =
        [
            [127, 0.5f, 1.5f, -2.5f, 126.5f, -126.5f, 0, -0f],
            [1, 1 + (1f / 256), 1 + (3f / 256), 1 + (1f / 512), 1 / 254f, 3 / 254f, -1 / 254f, 0.1f],
            [0, -0f],
            [float.Epsilon, -float.Epsilon, 200 * float.Epsilon, 0],
            [1e-40f, -3e-39f, 1.1754944e-38f],
            [float.MaxValue, -float.MaxValue, 3.3895314e38f, 1],
            [1, float.PositiveInfinity, -2],
            [float.NegativeInfinity, 3],
            [1, float.NaN, -2],
            [BitConverter.UInt32BitsToSingle(0x7F800001), 1],
        ];
        KeyValueBlocks cache = bench.Cache(1, 1, headSize, 2, format);
        bench.Begin(Steps.Of(new SequenceRows([1], rows.Length, rows.Length)));
        float[] values = [.. rows.SelectMany(row => Enumerable.Range(0, headSize).Select(i => row[i % row.Length]))];
        Tensor x = bench.Floats(values, rows.Length, headSize);
        bench.Backend.AppendKeyValues(x, x, cache, 0);
        var bytes = new byte[cache.Values(0).ByteLength];
        bench.Backend.Download<byte>(cache.Values(0), bytes);
        for (int row = 0; row < rows.Length; row++)
            cache.ReadValue(bytes, 1, 0, row, values.AsSpan(row * headSize, headSize));
        return values;
    });

    /// <summary>A fork copies its parent's tail block, then both go their own way.</summary>
    [Test]
    public void CopyBlocksForksASequence([Values] CacheFormat format) => Exactly(format, bench =>
    {
        KeyValueBlocks cache = bench.Cache(2, 2, 11, 9, format);
        Append(bench, cache, 10, new SequenceRows([4, 1], 19, 19, p => p % 4 != 0), new SequenceRows([2], 5, 5));
        bench.Backend.CopyBlocks(cache, [(1, 7), (2, 0), (1, 3)]);
        Append(bench, cache, 20, new SequenceRows([4, 1], 20, 1), new SequenceRows([4, 7], 20, 1), new SequenceRows([4, 3], 20, 1, _ => false));
        return Contents(bench, cache);
    });

    [Test]
    public void CopyBlocksOfNoPairsDoesNothing([Values] CacheFormat format) => Exactly(format, bench =>
    {
        KeyValueBlocks cache = bench.Cache(1, 2, 8, 2, format);
        Append(bench, cache, 10, new SequenceRows([1], 16, 16));
        bench.Backend.CopyBlocks(cache, []);
        return Contents(bench, cache);
    });

    [Test]
    public void GrowingKeepsWhatIsCached([Values] CacheFormat format) => Exactly(format, bench =>
    {
        KeyValueBlocks cache = bench.Cache(2, 2, 9, 2, format);
        Append(bench, cache, 10, new SequenceRows([1, 0], 32, 32, p => p != 3));
        cache.EnsureCapacity(7);
        Append(bench, cache, 20, new SequenceRows([1, 0, 6], 37, 5));
        return Contents(bench, cache);
    });

    private void Exactly(CacheFormat format, Func<Workbench, float[]> program) => ConformsExactly($"{format}", program);

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
            contents.AddRange(Rows(cache, bench.ReadBytes(cache.Keys(layer)), cache.ReadKey));
            contents.AddRange(Rows(cache, bench.ReadBytes(cache.Values(layer)), cache.ReadValue));
        }
        return [.. contents];
    }

    // The order of keys within a block is a device's own affair.
    private static float[] Rows(KeyValueBlocks cache, byte[] layer, Action<ReadOnlySpan<byte>, int, int, int, Span<float>> read)
    {
        var rows = new float[cache.Capacity * cache.Heads * KeyValueBlocks.BlockSize * cache.HeadSize];
        int slots = cache.Heads * KeyValueBlocks.BlockSize;
        for (int i = 0; i < cache.Capacity * slots; i++)
            read(layer, i / slots, i % slots / KeyValueBlocks.BlockSize, i % KeyValueBlocks.BlockSize, rows.AsSpan(i * cache.HeadSize, cache.HeadSize));
        return rows;
    }
}
