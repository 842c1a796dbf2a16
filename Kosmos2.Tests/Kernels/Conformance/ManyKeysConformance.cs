using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>Attention of few rows to as many keys as a device takes in several runs, by one group or by several that share them.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.WithWideGroups))]
public sealed class ManyKeysConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    [Test]
    public void FewRowsAgree([Values(1, 16, 300, 512, 513, 2000)] int keys, [Values(8, 11, 24, 64)] int headSize, [Values] CacheFormat format)
    {
        foreach (int rows in new[] { 1, 3 }.Where(rows => rows <= keys))
        {
            Conforms($"{rows} rows", bench =>
            {
                var cache = new CachedSequences(bench, headSize, format, new SequenceKeys(keys, rows, p => p % 5 != 2));
                return cache.Attend();
            });
        }
    }

    /// <summary>Keys that fill all the runs there may be, and one more.</summary>
    [Test]
    public void RunsGrowWhereTheyWouldBeTooMany([Values(8192, 8193)] int keys) =>
        Conforms($"{keys} keys", bench => new CachedSequences(bench, 8, CacheFormat.Float32, new SequenceKeys(keys, 2)).Attend());

    /// <summary>Runs of which every key is hidden weigh nothing beside visible ones; a row that sees no visible key goes through all runs once more.</summary>
    [Test]
    public void HiddenRunsAreLeftOut([Values] CacheFormat format)
    {
        const int Keys = 1300;
        foreach (int edge in new[] { 1, 40, 600, 1100, Keys - 2, Keys - 1, Keys })
        {
            foreach (Func<int, bool> visible in (Func<int, bool>[])[p => p >= edge, p => p < edge])
                Conforms($"edge {edge}", bench => new CachedSequences(bench, 24, format, new SequenceKeys(Keys, 3, visible)).Attend());
        }
    }

    /// <summary>A key that is no number makes the rows that see it none, whichever run it is in.</summary>
    [Test]
    public void WhatIsNoNumberStaysNone([Values(0, 700, 1298, 1299)] int badKey)
    {
        const int Keys = 1300, Rows = 3;
        float[] y = Run(bench => new CachedSequences(bench, 8, CacheFormat.Float32, new SequenceKeys(Keys, Rows) { BadKey = badKey }).Attend());
        for (int row = 0; row < Rows; row++)
            Assert.That(y[(row * y.Length / Rows)..((row + 1) * y.Length / Rows)], badKey <= Keys - Rows + row ? Is.All.NaN : Has.None.NaN, $"row {row}");
    }

    /// <summary>A step with more keys than the last one, token by token over the ends of runs.</summary>
    [Test]
    public void AGrowingSequenceAgrees([Values(512, 1024)] int keys, [Values] CacheFormat format) => Conforms($"{keys} keys", bench =>
    {
        var cache = new CachedSequences(bench, 24, format, new SequenceKeys(keys + 2, 1));
        return [.. Enumerable.Range(keys - 2, 5).SelectMany(length => cache.Attend(length))];
    });

    /// <summary>Sequences of all lengths beside each other have the bits that each has alone.</summary>
    [Test]
    public void ABatchIsItsRows([Values] CacheFormat format)
    {
        SequenceKeys[] sequences = [new(1, 1), new(300, 1), new(600, 2, p => p > 520), new(2000, 1), new(1537, 17), new(1100, 1, _ => false)];
        float[] Attend(params SequenceKeys[] some) => Run(bench => new CachedSequences(bench, 24, format, some).Attend());
        Assert.That(Attend(sequences), Is.EqualTo(sequences.SelectMany(sequence => Attend(sequence))));
    }
}
