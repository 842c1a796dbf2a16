using Kosmos2.Engine.Generation;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>Scans of a row of scores, in vectors and at their edges, against the same done one by one.</summary>
internal sealed class RowScanTests
{
    private static readonly int[] s_lengths = [1, 2, 7, 8, 15, 16, 17, 33, 100, 1027];

    [TestCaseSource(nameof(s_lengths))]
    public void TheLargestScoreIsFound(int length)
    {
        float[] scores = Samples(1, length);
        Assert.That(Softmax.Largest(scores), Is.EqualTo(scores.Max()));
        for (int i = 0; i < length; i++)
        {
            float[] changed = [.. scores];
            changed[i] = 100;
            Assert.That(Softmax.Largest(changed), Is.EqualTo(100f));
            changed[i] = float.NaN;
            Assert.That(Softmax.Largest(changed), Is.NaN, $"at {i}");
        }
        Assert.That(Softmax.Largest([]), Is.EqualTo(float.NegativeInfinity));
    }

    [TestCaseSource(nameof(s_lengths))]
    public void LogProbabilitiesAreThoseOfDoublePrecision(int length)
    {
        float[] scores = Samples(2, length), result = [.. scores];
        double sum = Math.Log(scores.Sum(score => Math.Exp(score)));
        Softmax.LogInPlace(result);
        for (int i = 0; i < length; i++)
            Assert.That(result[i], Is.EqualTo(scores[i] - sum).Within(2e-6));
    }

    [Test]
    public void TheBestCandidatesAreThoseOfAStableSort([ValueSource(nameof(s_lengths))] int length, [Values(1, 4, 20)] int capacity)
    {
        // Rounded, so that many are equal.
        float[][] beams = [.. Enumerable.Range(3, 3).Select(seed => Array.ConvertAll(Samples(seed, length), v => MathF.Round(v)))];
        beams[1][length / 2] = float.NaN;
        var best = new TopCandidates(capacity);
        for (int beam = 0; beam < beams.Length; beam++)
            best.Offer(beam, -beam, beams[beam]);
        IEnumerable<BeamCandidate> all =
            from beam in Enumerable.Range(0, beams.Length)
            from token in Enumerable.Range(0, length)
            let sum = beams[beam][token] - beam
            select new BeamCandidate(float.IsNaN(sum) ? float.NegativeInfinity : sum, beam, token);
        Assert.That(best.Best.ToArray(), Is.EqualTo(all.OrderByDescending(candidate => candidate.Score).Take(capacity)));
    }

    [Test]
    public void WhatIsLeftBehindLargeWeightsIsDrawnInProportion()
    {
        // The first weight is all but 1e-15 of the sum: its rounding errors are as large as the others.
        const int Draws = 4000;
        float[] weights = [1, 3e-16f, 1e-16f, 0];
        int second = 0;
        for (int i = 0; i < Draws; i++)
        {
            int[] drawn = new int[3];
            TokenSampler.DrawDistinct([.. weights], new RandomKey(3, (ulong)i), 0, drawn);
            Assert.That(drawn[0], Is.Zero);
            second += drawn[1] == 1 ? 1 : 0;
        }
        Assert.That(second, Is.EqualTo(Draws * 0.75).Within(5 * Math.Sqrt(Draws * 0.75 * 0.25)));
    }

    private static float[] Samples(int seed, int length)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (random.NextSingle() * 12) - 6)];
    }
}
