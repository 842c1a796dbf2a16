using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.WithWideGroups))]
public sealed class CachedAttentionConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    private const int Layers = 2;

    /// <summary>Prefill and decode rows of several sequences in one step, over blocks in no order.</summary>
    [Test]
    public void MixedStepsAgree([Values(8, 9, 11, 24, 64)] int headSize, [Values] bool probabilities, [Values] CacheFormat format) => Conforms(format, bench =>
    {
        KeyValueBlocks cache = bench.Cache(Layers, 3, headSize, 16, format);
        int[] a = [7, 2, 11];
        int[] b = [5, 0];
        int[] c = [9, 3, 15];
        float[] first = Step(bench, cache, 10, probabilities, new SequenceRows(a, 33, 33), new SequenceRows(b, 7, 7));
        float[] second = Step(
            bench, cache, 20, probabilities, new SequenceRows(a, 34, 1), new SequenceRows(c, 37, 37), new SequenceRows(b, 17, 10));
        float[] third = Step(
            bench, cache, 30, probabilities, new SequenceRows(c, 38, 1), new SequenceRows(b, 18, 1), new SequenceRows(a, 35, 1));
        return [.. first, .. second, .. third];
    });

    [Test]
    public void ALongSequenceAgrees([Values(1, 3, 37, 129)] int rows, [Values] bool probabilities, [Values] CacheFormat format) => Conforms(format, bench =>
    {
        KeyValueBlocks cache = bench.Cache(Layers, 2, 24, 40, format);
        int[] blocks = [.. Enumerable.Range(0, 33).Select(i => (i * 7) % 40)];
        return
        [
            .. Step(bench, cache, 10, probabilities, new SequenceRows(blocks, 391, 391)),
            .. Step(bench, cache, 20, probabilities, new SequenceRows(blocks, 391 + rows, rows)),
        ];
    });

    /// <summary>A decode row over as many keys as do and do not fill a warp, a group, and several.</summary>
    [Test]
    public void ADecodeRowAgrees([Values(1, 2, 31, 33, 100, 256, 257, 1000)] int keys, [Values] bool probabilities) => Conforms("decode", bench =>
    {
        const int BlockCount = 67;
        KeyValueBlocks cache = bench.Cache(Layers, 2, 24, BlockCount);
        int[] blocks = [.. Enumerable.Range(0, (keys + KeyValueBlocks.BlockSize - 1) / KeyValueBlocks.BlockSize).Select(i => (i * 7) % BlockCount)];
        if (keys > 1)
            _ = Step(bench, cache, 10, false, new SequenceRows(blocks, keys - 1, keys - 1, p => p % 5 != 2));
        return Step(bench, cache, 20, probabilities, new SequenceRows(blocks, keys, 1, p => p % 5 != 2));
    });

    /// <summary>Hidden keys weigh nothing, except for a row that sees no visible key.</summary>
    [Test]
    public void HiddenKeysAreLeftOut([Values] bool probabilities, [Values] CacheFormat format) => Conforms(format, bench =>
    {
        KeyValueBlocks cache = bench.Cache(Layers, 2, 11, 12, format);
        int[] a = [4, 1, 8];
        int[] b = [2, 7];
        int[] c = [3, 0, 5];
        Func<int, bool> holes = p => p % 3 != 1;
        Func<int, bool> leftPad = p => p >= 5;
        Func<int, bool> none = _ => false;
        return
        [
            .. Step(
                bench, cache, 10, probabilities, new SequenceRows(a, 37, 37, holes), new SequenceRows(b, 20, 20, leftPad), new SequenceRows(c, 33, 33, none)),
            .. Step(
                bench, cache, 20, probabilities, new SequenceRows(a, 38, 1, holes), new SequenceRows(b, 22, 2, leftPad), new SequenceRows(c, 34, 1, none)),
        ];
    });

    /// <summary>A slot that is written again takes its new visibility along.</summary>
    [Test]
    public void ARewrittenSlotIsVisibleAgain() => Conforms("rewritten", bench =>
    {
        KeyValueBlocks cache = bench.Cache(Layers, 1, 8, 4);
        return
        [
            .. Step(bench, cache, 10, false, new SequenceRows([2, 1], 20, 20, p => p % 2 == 0)),
            .. Step(bench, cache, 20, false, new SequenceRows([2, 1], 20, 10)),
        ];
    });

    [Test]
    public void LargeScoresStayFinite() => Conforms("large scores", bench =>
    {
        KeyValueBlocks cache = bench.Cache(1, 2, 16, 4);
        return Step(bench, cache, 10, false, 1000, new SequenceRows([2, 1, 0], 37, 37, p => p != 3));
    }, absolute: 1e-2);

    /// <summary>A query or a key that is no number gives none, whatever else the query sees; rows that do not see it are as they were.</summary>
    [Test]
    public void WhatIsNoNumberStaysNone([Values(1, 7, 40)] int rows, [Values(-1, 0, 2, 35)] int badKey)
    {
        const int Keys = 40, Width = 16;
        float[] y = Run(bench =>
        {
            KeyValueBlocks cache = bench.Cache(1, 2, Width / 2, 4);
            float[] k = Samples.Normal(2, Keys, Width), q = Samples.Normal(1, rows, Width);
            if (badKey >= 0)
                k.AsSpan(badKey * Width, Width).Fill(float.NaN);
            else
                q.AsSpan(0, Width).Fill(float.NaN);
            float[] v = Samples.Normal(3, Keys, Width);
            Tensor result = bench.Result(rows, Width);
            for (int part = 0; part < 2; part++)
            {
                int first = part == 0 ? 0 : Keys - rows, count = part == 0 ? Keys - rows : rows;
                if (count == 0)
                    continue;
                bench.Begin(Steps.Of(new SequenceRows([3, 0, 2], first + count, count)));
                Tensor Rows(float[] of) => bench.Floats(of[(first * Width)..((first + count) * Width)], count, Width);
                bench.Backend.AppendKeyValues(Rows(k), Rows(v), cache, 0);
                if (part == 1)
                    bench.Backend.CachedAttention(bench.Floats(q, rows, Width), cache, 0, 0.3f, result);
                bench.Backend.EndStep();
            }
            return bench.Read(result);
        });
        for (int row = 0; row < rows; row++)
        {
            bool bad = badKey >= 0 ? badKey <= Keys - rows + row : row == 0;
            Assert.That(y[(row * Width)..((row + 1) * Width)], bad ? Is.All.NaN : Has.None.NaN, $"row {row}");
        }
    }

    /// <summary>A row's bits depend neither on the sequences beside it nor on how its sequence was cut into steps.</summary>
    [Test]
    public void ARowHasTheSameBitsInAnyStep([Values] CacheFormat format)
    {
        const int Width = 2 * 24;
        const int Keys = 53;
        float[] q = Samples.Normal(1, Keys, Width);
        float[] k = Samples.Normal(2, Keys, Width);
        float[] v = Samples.Normal(3, Keys, Width);
        float[] InSteps(int[] blocks, int neighbours, params int[] steps) => Run(bench =>
        {
            KeyValueBlocks cache = bench.Cache(1, 2, 24, 12, format);
            var result = new List<float>();
            int keys = 0;
            foreach (int rows in steps)
            {
                keys += rows;
                SequenceRows[] sequences = [new(blocks, keys, rows, p => p != 2), new([10, 11], neighbours, neighbours)];
                bench.Begin(Steps.Of(sequences.AsSpan(0, neighbours > 0 ? 2 : 1)));
                float[] Rows(float[] source) =>
                    [.. source[((keys - rows) * Width)..(keys * Width)], .. Samples.Normal(9, neighbours, Width)];
                Tensor y = bench.Result(rows + neighbours, Width);
                bench.Backend.AppendKeyValues(bench.Floats(Rows(k), rows + neighbours, Width), bench.Floats(Rows(v), rows + neighbours, Width), cache, 0);
                bench.Backend.CachedAttention(bench.Floats(Rows(q), rows + neighbours, Width), cache, 0, 0.2f, y);
                bench.Backend.EndStep();
                result.AddRange(bench.Read(y).AsSpan(0, rows * Width));
            }
            return [.. result];
        });

        float[] atOnce = InSteps([0, 1, 2, 3], 0, Keys);
        Assert.Multiple(() =>
        {
            Assert.That(InSteps([7, 3, 9, 1], 5, Keys), Is.EqualTo(atOnce), "beside another sequence, in other blocks");
            Assert.That(InSteps([0, 1, 2, 3], 0, [30, 7, 15, 1]), Is.EqualTo(atOnce), "in four steps");
            Assert.That(InSteps([4, 1, 2, 8], 1, [.. Enumerable.Repeat(1, Keys)]), Is.EqualTo(atOnce), "token by token");
        });
    }

    private void Conforms(CacheFormat format, Func<Workbench, float[]> program) => Conforms($"{format}", program);

    private static float[] Step(Workbench bench, KeyValueBlocks cache, int seed, bool probabilities, params ReadOnlySpan<SequenceRows> sequences) =>
        Step(bench, cache, seed, probabilities, 0.25f, sequences);

    /// <summary>Appends random keys and values in every layer, then attends in every layer.</summary>
    private static float[] Step(
        Workbench bench, KeyValueBlocks cache, int seed, bool probabilities, float scale, params ReadOnlySpan<SequenceRows> sequences)
    {
        int rows = bench.Begin(Steps.Of(sequences)).RowCount;
        int width = cache.Heads * cache.HeadSize;
        long pairs = 0;
        foreach (SequenceRows sequence in sequences)
            pairs += (long)sequence.Rows * sequence.Keys;
        var result = new List<float>();
        for (int layer = 0; layer < cache.Layers; layer++)
        {
            Tensor y = bench.Result(rows, width);
            Tensor? p = probabilities ? bench.Result(cache.Heads * pairs) : null;
            bench.Backend.AppendKeyValues(bench.Random(seed + layer, rows, width), bench.Random(seed + layer + 100, rows, width), cache, layer);
            bench.Backend.CachedAttention(bench.Random(seed + layer + 200, rows, width), cache, layer, scale, y, p);
            result.AddRange(bench.Read(y));
            if (p is not null)
                result.AddRange(bench.Read(p));
        }
        bench.Backend.EndStep();
        return [.. result];
    }
}
