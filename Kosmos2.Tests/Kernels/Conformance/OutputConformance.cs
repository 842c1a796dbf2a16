using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.All))]
public sealed class OutputConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    [Test]
    public void GatherTakesTheOutputRows([Values(1, 7, 129)] int width) => ConformsExactly($"{width}", bench =>
    {
        bench.Begin(Steps.Outputs(37, [0, 3, 4, 36], [[], [], [], []]));
        Tensor y = bench.Result(4, width);
        bench.Backend.GatherOutputRows(bench.Random(1, 37, width), y);
        return bench.Read(y);
    });

    [Test]
    public void SelectTakesTheLargestThatIsNotBanned()
    {
        foreach (int vocabulary in (int[])[.. OddSizes, 1000, 65037])
        {
            ConformsExactly($"{vocabulary} tokens", bench =>
            {
                float[] logits = Samples.Normal(1, 4, vocabulary);
                // Output 1 loses its five best tokens, output 2 its best (when it has another), output 3 every second token but not token 1.
                int[][] bans = [[], Best(logits, 1, vocabulary, 5), Best(logits, 2, vocabulary, 1), [.. Enumerable.Range(0, vocabulary).Where(t => t % 2 == 0)]];
                bench.Begin(Steps.Outputs(9, [2, 3, 5, 8], bans));
                Tensor ids = bench.Integers(4);
                bench.Backend.SelectTokens(bench.Floats(logits, 4, vocabulary), ids);
                return bench.ReadIntegers(ids);
            });
        }
    }

    [Test]
    public void SelectTakesTheFirstOfEqualLogits()
    {
        foreach ((int first, int second) in new[] { (0, 1), (5, 300), (299, 300), (63, 64), (255, 256), (12, 999), (1, 998), (8191, 8192), (1030, 9222), (9222, 19999) })
        {
            ConformsExactly($"{first} and {second}", bench =>
            {
                float[] logits = Array.ConvertAll(Samples.Normal(1, 20000), v => Math.Min(v, 4));
                logits[first] = logits[second] = 5;
                bench.Begin(Steps.Outputs(1, [0], [[]]));
                Tensor ids = bench.Integers(1);
                bench.Backend.SelectTokens(bench.Floats(logits, 1, 20000), ids);
                float[] chosen = bench.ReadIntegers(ids);
                Assert.That(chosen[0], Is.EqualTo(first));
                return chosen;
            });
        }
    }

    [Test]
    public void SelectKnowsInfinitiesAndFullBans() => ConformsExactly("edges", bench =>
    {
        float[] logits =
        [
            float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity,
            float.NegativeInfinity, -3.4e38f, float.PositiveInfinity,
            float.NegativeInfinity, float.NegativeInfinity, 1,
            1, 2, 3,
        ];
        bench.Begin(Steps.Outputs(4, [0, 1, 2, 3], [[], [2], [2], [2, 0, 1]]));
        Tensor ids = bench.Integers(4);
        bench.Backend.SelectTokens(bench.Floats(logits, 4, 3), ids);
        float[] chosen = bench.ReadIntegers(ids);
        Assert.That(chosen, Is.EqualTo(new float[] { 0, 1, 0, -1 }));
        return chosen;
    });

    [Test]
    public void SelectTakesNaNForMinusInfinity()
    {
        foreach (int vocabulary in (int[])[3, 37, 1000])
        {
            ConformsExactly($"{vocabulary} tokens", bench =>
            {
                float[] logits = Samples.Normal(1, 3, vocabulary);
                logits[0] = logits[vocabulary - 1] = float.NaN;
                logits.AsSpan(vocabulary, vocabulary).Fill(float.NaN);
                logits[(2 * vocabulary) - 1] = float.NegativeInfinity;
                logits.AsSpan(2 * vocabulary, vocabulary).Fill(float.NaN);
                bench.Begin(Steps.Outputs(3, [0, 1, 2], [[], [], [0]]));
                Tensor ids = bench.Integers(3);
                bench.Backend.SelectTokens(bench.Floats(logits, 3, vocabulary), ids);
                float[] chosen = bench.ReadIntegers(ids);
                Assert.That(chosen[1..], Is.EqualTo(new float[] { 0, 1 }));
                return chosen;
            });
        }
    }

    [Test]
    public void CopyMovesBytesBetweenViews() => ConformsExactly("copy", bench =>
    {
        Tensor x = bench.Random(1, 9, 7);
        Tensor y = bench.Random(2, 9, 7);
        bench.Backend.Copy(x.SliceRows(1, 3), y.SliceRows(5, 3));
        bench.Backend.Copy(y.SliceRows(0, 2), y.SliceRows(2, 2));
        return bench.Read(y);
    });

    [Test]
    public void UploadAndDownloadReachViews() => ConformsExactly("views", bench =>
    {
        Tensor x = bench.Random(1, 9, 7);
        bench.Backend.Upload<float>(Samples.Normal(2, 2, 7), x.SliceRows(3, 2));
        return [.. bench.Read(x.SliceRows(2, 4)), .. bench.Read(x)];
    });

    [Test]
    public void MemoryIsZeroedWhenAllocated() => ConformsExactly("zeroed", bench =>
    {
        // Something must have lain there before.
        for (int i = 0; i < 3; i++)
        {
            using Tensor dirty = bench.Backend.Allocate(DType.F32, 129, 37);
            bench.Backend.Upload<float>(Samples.Normal(1, 129, 37), dirty);
        }
        using Tensor fresh = bench.Backend.Allocate(DType.F32, 129, 37);
        return bench.Read(fresh);
    });

    private static int[] Best(float[] logits, int row, int vocabulary, int count) =>
        [.. Enumerable.Range(0, vocabulary).OrderByDescending(t => logits[(row * vocabulary) + t]).Take(Math.Min(count, vocabulary - 1))];
}
