using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>Tokens drawn as <see cref="TokenChoice"/> says: every backend draws what the oracle draws.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.All))]
public sealed class DrawConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    private const int Rows = 5;

    private static readonly TokenChoice s_all = TokenChoice.Drawn(1);

    // On a GPU top_k 50 stays among the few entries in shared memory; 5000, and a long tail of all tokens, do not.
    private static readonly (string Name, TokenChoice Choice, float Scale)[] s_choices =
    [
        ("all tokens", s_all, 2),
        ("temperature", s_all with { Temperature = 0.7f }, 2),
        ("top_k", s_all with { TopK = 50 }, 2),
        ("top_k of most", s_all with { TopK = 5000 }, 1),
        ("top_p", s_all with { Tail = TokenChoice.Fraction(0.1) }, 4),
        ("top_p over a flat row", s_all with { Tail = TokenChoice.Fraction(0.05) }, 0.5f),
        ("top_p of nothing", s_all with { Tail = uint.MaxValue }, 2),
        ("all together", new TokenChoice(0.8f, 40, TokenChoice.Fraction(0.2), 1.3f, 0), 3),
        ("penalty of the best", s_all with { TopK = 1, Penalty = 1.7f }, 2),
    ];

    [Test]
    public void TheOraclesTokenIsDrawn()
    {
        foreach (int vocabulary in (int[])[.. OddSizes, 1000, 8191])
        {
            foreach ((string name, TokenChoice choice, float scale) in s_choices)
                ConformsExactly($"{name}, {vocabulary} tokens", bench => Draw(bench, vocabulary, choice, scale));
        }
    }

    [Test]
    public void TheOraclesTokenIsDrawnFromTheWholeVocabulary()
    {
        foreach ((string name, TokenChoice choice, float scale) in (ReadOnlySpan<(string, TokenChoice, float)>)[.. s_choices.AsSpan(2..6), s_choices[7]])
            ConformsExactly(name, bench => Draw(bench, 65037, choice, scale));
    }

    [Test]
    public void EqualScoresStayTogetherInTopKAndLeaveByIdInTopP()
    {
        // Of 600 equal tokens top_k keeps all, top_p the last ones; every uniform number names one of them.
        float[] logits = new float[600];
        for (uint i = 0; i < 8; i++)
        {
            uint uniform = (i * 0x2000_0000) + 12345;
            Assert.That(One(logits, s_all with { TopK = 3, Uniform = uniform }), Is.EqualTo((int)(600 * (uniform / 4294967296.0))));
            Assert.That(One(logits, s_all with { Tail = TokenChoice.Fraction(0.5), Uniform = uniform }), Is.EqualTo(300 + (int)(300 * (uniform / 4294967296.0))));
        }
    }

    [Test]
    public void WhatCannotComeIsNotDrawn()
    {
        float[] logits = [float.NaN, float.NegativeInfinity, 3, float.NegativeInfinity, 9, 4];
        Assert.Multiple(() =>
        {
            Assert.That(One(logits, s_all, bans: [4, 5]), Is.EqualTo(2));
            Assert.That(One(logits, s_all with { TopK = 6, Uniform = uint.MaxValue }, bans: [4, 5]), Is.EqualTo(2));
            Assert.That(One(logits, s_all with { Tail = 1 }, bans: [2, 4, 5]), Is.EqualTo(-1));
            Assert.That(One(logits, s_all with { TopK = 1, Penalty = 10 }, penalised: [4, 4]), Is.EqualTo(5), "a token that stands there twice is penalised once");
            Assert.That(One([-1, -2], s_all with { TopK = 1, Penalty = 3 }, penalised: [0]), Is.EqualTo(1), "a negative score is multiplied");
            Assert.That(One([1, float.PositiveInfinity, 2], s_all with { Uniform = uint.MaxValue }), Is.EqualTo(1));
            Assert.That(One([-0f, 0f], s_all with { TopK = 1, Uniform = uint.MaxValue }), Is.EqualTo(1), "the zeros are equal");
        });
    }

    [Test]
    public void RowsOfAStepMayDifferInHowTheirTokensAreChosen() => ConformsExactly("mixed", bench =>
    {
        TokenChoice[] choices = [default, s_all with { TopK = 7, Uniform = 3_000_000_000 }, default];
        bench.Begin(Steps.Outputs(3, [0, 1, 2], [[], [], [3]], choices));
        Tensor ids = bench.Integers(3);
        bench.Backend.SelectTokens(bench.Random(1, 3, 999), ids);
        return bench.ReadIntegers(ids);
    });

    [TestCase(float.PositiveInfinity, 1, 1)]
    [TestCase(1, 0, 1)]
    [TestCase(1, 1, 0)]
    [TestCase(1, 1, float.NaN)]
    public void AChoiceOutOfRangeIsRefused(float temperature, int topK, float penalty)
    {
        using var bench = new Workbench(Backend);
        Assert.That(
            () => bench.Begin(Steps.Outputs(1, [0], [[]], [new TokenChoice(temperature, topK, 0, penalty, 0)])),
            Throws.ArgumentException.With.Message.Contains("is to be drawn with"));
    }

    private static float[] Draw(Workbench bench, int vocabulary, TokenChoice choice, float scale)
    {
        float[] logits = Array.ConvertAll(Samples.Normal(vocabulary, Rows, vocabulary), v => v * scale);
        var random = new Random(vocabulary);
        TokenChoice[] choices = [.. Enumerable.Range(0, Rows).Select(_ => choice with { Uniform = (uint)random.NextInt64(1L << 32) })];
        int[][] bans = [.. Enumerable.Range(0, Rows).Select(row => vocabulary > 8 ? new[] { Best(logits, row, vocabulary), row } : [])];
        int[][] penalised = [.. Enumerable.Range(0, Rows).Select(_ => Enumerable.Range(0, 70).Select(_ => random.Next(vocabulary)).ToArray())];
        bench.Begin(Steps.Outputs(Rows, [.. Enumerable.Range(0, Rows)], bans, choices, penalised));
        Tensor ids = bench.Integers(Rows);
        bench.Backend.SelectTokens(bench.Floats(logits, Rows, vocabulary), ids);
        return bench.ReadIntegers(ids);
    }

    private int One(float[] logits, TokenChoice choice, int[]? bans = null, int[]? penalised = null)
    {
        using var bench = new Workbench(Backend);
        bench.Begin(Steps.Outputs(1, [0], [bans ?? []], [choice], [penalised ?? []]));
        Tensor ids = bench.Integers(1);
        bench.Backend.SelectTokens(bench.Floats(logits, 1, logits.Length), ids);
        return (int)bench.ReadIntegers(ids)[0];
    }

    private static int Best(float[] logits, int row, int vocabulary)
    {
        ReadOnlySpan<float> own = logits.AsSpan(row * vocabulary, vocabulary);
        return own.IndexOf(own.ToArray().Max());
    }
}
