using Kosmos2.Engine.Model;

namespace Kosmos2.Tests.Engine;

/// <summary>Forks, truncations and appends in any order leave a cache that answers like a fresh one.</summary>
internal sealed class KeyValueCacheTests
{
    private Kosmos2Model _model = null!;

    [OneTimeSetUp]
    public void Load() => _model = ReferenceModels.Load("upstream-test");

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
        using Kosmos2Model model = ReferenceModels.Load("upstream-test", maxCachedTokens: 32);
        using KeyValueCache cache = model.CreateCache();
        model.Forward([new SequenceInput { TokenIds = Ids(30, seed: 4), Cache = cache }]);
        Assert.That(
            () => model.Forward([new SequenceInput { TokenIds = Ids(3, seed: 5), Cache = cache }]),
            Throws.InstanceOf<KeyValueCacheFullException>().With.Message.Contains("32 tokens"));
        Assert.That(cache.Length, Is.EqualTo(30));
        Assert.That(() => model.Forward([new SequenceInput { TokenIds = Ids(2, seed: 6), Cache = cache }]), Throws.Nothing);
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

    private float[] Append(KeyValueCache cache, params int[] ids) =>
        _model.Forward([new SequenceInput { TokenIds = ids, Cache = cache }], logits: LogitRows.Last).Logits;

    private float[] Fresh(int[] ids) => _model.Forward([new SequenceInput { TokenIds = ids }], logits: LogitRows.Last).Logits;
}
