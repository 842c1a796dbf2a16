using Kosmos2.Engine.Model;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine;

/// <summary>Forks, truncations and appends in any order leave a cache that answers like a fresh one.</summary>
[TestFixture(CacheFormat.Float32)]
[TestFixture(CacheFormat.BFloat16)]
[TestFixture(CacheFormat.Int8)]
internal sealed class KeyValueCacheTests(CacheFormat format)
{
    private Kosmos2Model _model = null!;

    [OneTimeSetUp]
    public void Load() => _model = ReferenceModels.Load("upstream-test", cacheFormat: format);

    [OneTimeTearDown]
    public void Unload() => _model.Dispose();

    [Test]
    public void TokenByTokenEqualsAllAtOnceBitForBit()
    {
        int[] ids = Ids(37, seed: 1);
        using KeyValueCache cache = _model.CreateCache();
        float[] last = [];
        foreach (int id in ids)
            last = Append(cache, id);
        Assert.That(last, Is.EqualTo(Fresh(ids)));
    }

    [Test]
    public void ForkSharesBlocksUntilOneSideWrites()
    {
        int[] ids = Ids(20, seed: 2);
        using KeyValueCache cache = _model.CreateCache();
        Append(cache, ids);
        int before = _model.Pool.InUse;
        using KeyValueCache fork = cache.Fork();
        Assert.That(_model.Pool.InUse, Is.EqualTo(before), "a fork takes no memory");

        float[] forked = Append(fork, 9, 10), original = Append(cache, 11);
        Assert.That(_model.Pool.InUse, Is.EqualTo(before + 1), "only the tail block was copied");
        Assert.That(forked, Is.EqualTo(Fresh([.. ids, 9, 10])));
        Assert.That(original, Is.EqualTo(Fresh([.. ids, 11])));
    }

    [Test]
    public void RandomForksTruncationsAndAppendsEqualFreshSequences()
    {
        var random = new Random(3);
        var live = new List<(KeyValueCache Cache, List<int> Ids)> { (_model.CreateCache(), []) };
        for (int step = 0; step < 200; step++)
        {
            (KeyValueCache cache, List<int> ids) = live[random.Next(live.Count)];
            switch (random.Next(4))
            {
                case 0 when live.Count < 6:
                    live.Add((cache.Fork(), [.. ids]));
                    break;
                case 1 when ids.Count > 0:
                    int length = random.Next(ids.Count);
                    cache.Truncate(length);
                    ids.RemoveRange(length, ids.Count - length);
                    break;
                default:
                    // a pad now and then: it has no position of its own
                    int[] more = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(10) == 0 ? 1 : random.Next(8, 99))];
                    ids.AddRange(more);
                    Assert.That(Append(cache, more), Is.EqualTo(Fresh([.. ids])), $"step {step}");
                    break;
            }
        }
        foreach ((KeyValueCache cache, _) in live)
            cache.Dispose();
        Assert.That(_model.Pool.InUse, Is.Zero, "all blocks came back");
    }

    [Test]
    public void TheBudgetIsKeptAndAFailedPassAppendsNothing()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test", maxCachedTokens: 32, format);
        using KeyValueCache cache = model.CreateCache();
        model.Forward([new SequenceInput { TokenIds = Ids(30, seed: 4), Cache = cache }]);
        Assert.That(
            () => model.Forward([new SequenceInput { TokenIds = Ids(3, seed: 5), Cache = cache }]),
            Throws.InstanceOf<KeyValueCacheFullException>().With.Message.Contains("32 tokens"));
        Assert.That(cache.Length, Is.EqualTo(30));
        Assert.That(() => model.Forward([new SequenceInput { TokenIds = Ids(2, seed: 6), Cache = cache }]), Throws.Nothing);
    }

    /// <summary>What is copied out is what was cached, within the format's rounding.</summary>
    [Test]
    public void CopiesAreTheNumbersThatAttentionReads()
    {
        int[] ids = Ids(21, seed: 7);
        using Kosmos2Model exact = ReferenceModels.Load("upstream-test");
        using KeyValueCache cache = _model.CreateCache(), expected = exact.CreateCache();
        Append(cache, ids);
        exact.Forward([new SequenceInput { TokenIds = ids, Cache = expected }]);
        float[] keys = cache.CopyKeys(0), values = cache.CopyValues(0), exactKeys = expected.CopyKeys(0), exactValues = expected.CopyValues(0);
        int size = _model.Pool.Blocks.HeadSize;
        Assert.That((keys.Length, values.Length), Is.EqualTo((exactKeys.Length, exactValues.Length)));
        for (int i = 0; i < keys.Length; i++)
        {
            Assert.That(keys[i], Is.EqualTo(exactKeys[i]).Within(Rounding(exactKeys, i, size)), $"key {i}");
            Assert.That(values[i], Is.EqualTo(exactValues[i]).Within(Rounding(exactValues, i, size)), $"value {i}");
        }
    }

    [Test]
    public void ATokenTakesTheBytesThatItsFormatPromises()
    {
        KeyValueBlocks blocks = _model.Pool.Blocks;
        long bytes = blocks.KeyBias.ByteLength;
        for (int layer = 0; layer < blocks.Layers; layer++)
            bytes += blocks.Keys(layer).ByteLength + blocks.Values(layer).ByteLength;
        Assert.That(_model.BytesPerCachedToken * blocks.Capacity * KeyValueBlocks.BlockSize, Is.EqualTo(bytes));
        int perHead = format switch { CacheFormat.Float32 => 4 * blocks.HeadSize, CacheFormat.BFloat16 => 2 * blocks.HeadSize, _ => blocks.HeadSize + 4 };
        Assert.That(_model.BytesPerCachedToken, Is.EqualTo((2 * blocks.Layers * blocks.Heads * perHead) + 4));
    }

    [TestCase(-1)]
    [TestCase(6)]
    public void TruncatingOutsideTheCacheIsRefused(int length)
    {
        using KeyValueCache cache = _model.CreateCache();
        Append(cache, 8, 9, 10, 11, 12);
        Assert.That(() => cache.Truncate(length), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("5 tokens"));
    }

    private static int[] Ids(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(8, 99))];
    }

    // Half the distance of the format's neighbouring numbers, and a little for the float arithmetic of scales.
    private float Rounding(float[] exact, int index, int headSize) => format switch
    {
        CacheFormat.Float32 => 0,
        CacheFormat.BFloat16 => MathF.Abs(exact[index]) / 256,
        _ => exact.AsSpan(index / headSize * headSize, headSize).ToArray().Max(MathF.Abs) / 127 * 0.5001f,
    };

    private float[] Append(KeyValueCache cache, params int[] ids) =>
        _model.Forward([new SequenceInput { TokenIds = ids, Cache = cache }], logits: LogitRows.Last).Logits;

    private float[] Fresh(int[] ids) => _model.Forward([new SequenceInput { TokenIds = ids }], logits: LogitRows.Last).Logits;
}
