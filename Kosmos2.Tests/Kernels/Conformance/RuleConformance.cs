using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>Rules over classes of tokens and a grid among them: every backend chooses what the oracle does and tells the same of it.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.All))]
public sealed class RuleConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    private const int Classes = 5;

    private static readonly TokenRule[] s_rules =
    [
        default,
        new(0b00001, 0, 0, TokenReading.None, 0),
        new(0b10110, 0, 0, TokenReading.None, 0),
        new(0b10000, 1, 2, TokenReading.None, 0),
        new(0b11111, 2, 1, TokenReading.None, 0),
    ];

    private static readonly TokenChoice[] s_choices =
    [
        default,
        TokenChoice.Drawn(0.8f) with { Uniform = 3_000_000_000 },
        new(1.3f, 7, TokenChoice.Fraction(0.2), 1.4f, 1_000_000_000),
        TokenChoice.Drawn(1) with { TopK = 1, Penalty = 1.7f },
    ];

    [Test]
    public void TheOraclesTokenIsChosenAmongTheClassesAllowed()
    {
        foreach (int vocabulary in (int[])[.. OddSizes, 1000, 8191])
        {
            foreach (TokenChoice choice in s_choices)
                ConformsExactly($"{vocabulary} tokens, {choice}", bench => Select(bench, vocabulary, choice, banned: 3));
        }
    }

    [Test]
    public void TheOraclesTokenIsChosenFromTheWholeVocabulary() =>
        ConformsExactly("65037 tokens", bench => Select(bench, 65037, default, banned: 20));

    [Test]
    public void CornersLieRightOfAndBelowTheBounds()
    {
        // A grid of 3 x 3 from token 4 on, of class 1; what lies behind it, of that class too, is no cell.
        sbyte[] numbers = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        float[] logits = [9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1];
        Assert.Multiple(() =>
        {
            Assert.That(One(logits, numbers, new TokenRule(0b10, 0, 0, TokenReading.None, 0)), Is.EqualTo(4));
            Assert.That(One(logits, numbers, new TokenRule(0b10, 1, 0, TokenReading.None, 0)), Is.EqualTo(5));
            Assert.That(One(logits, numbers, new TokenRule(0b10, 0, 1, TokenReading.None, 0)), Is.EqualTo(7));
            Assert.That(One(logits, numbers, new TokenRule(0b10, 2, 2, TokenReading.None, 0)), Is.EqualTo(12));
            Assert.That(One(logits, numbers, new TokenRule(0b10, 2, 2, TokenReading.None, 0), bans: [12]), Is.EqualTo(13));
            Assert.That(One(logits, numbers, new TokenRule(0b11, 2, 2, TokenReading.None, 0)), Is.EqualTo(0));
        });
    }

    [Test]
    public void NothingIsChosenWhereTheRuleLeavesNothing([Values] bool draws)
    {
        TokenChoice choice = draws ? TokenChoice.Drawn(1) : default;
        sbyte[] numbers = [0, 1, 1, 2, 2, 3];
        float[] logits = [5, 1, 2, float.NegativeInfinity, float.NaN, float.NegativeInfinity];
        Assert.Multiple(() =>
        {
            Assert.That(One(logits, numbers, Of(0b010), [1, 2], choice), Is.EqualTo(-1), "all banned");
            Assert.That(One(logits, numbers, Of(0b010), [1], choice), Is.EqualTo(2));
            Assert.That(One(logits, numbers, Of(0b100), [], choice), Is.EqualTo(-1), "no numbers");
            Assert.That(One(logits, numbers, Of(0b1000), [], choice), Is.EqualTo(-1), "minus infinity");
            Assert.That(One(logits, numbers, Of(1u << 31), [], choice), Is.EqualTo(-1), "a class without tokens");
            Assert.That(One(logits, numbers, Of(0b1001), [], choice), Is.EqualTo(0));
        });
        static TokenRule Of(uint classes) => new(classes, 0, 0, TokenReading.None, 0);
    }

    [Test]
    public void ProbabilitiesAreThoseOfTheLogitsAsTheyAre()
    {
        foreach (int vocabulary in (int[])[.. OddSizes, 1000, 65037])
        {
            foreach (float scale in (float[])[0.1f, 2, 12])
                Conforms($"{vocabulary} tokens, scale {scale}", bench => Probabilities(bench, vocabulary, scale), absolute: 1e-6, relative: 1e-5);
        }
    }

    [Test]
    public void AProbabilityOfNothingIsNoNumber() => ConformsExactly("no numbers", bench =>
    {
        float[] logits = [1, 2, 3, 1, float.NaN, 3, float.PositiveInfinity, 1, 0, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity];
        TokenRule rule = new(0, 0, 0, TokenReading.Probability, 0);
        bench.Begin(Steps.Outputs(4, [0, 1, 2, 3], [[0, 1, 2], [], [], []], rules: [rule, rule with { Place = 1 }, rule with { Place = 2 }, rule with { Place = 3 }]));
        Tensor results = bench.Integers(8);
        bench.Backend.SelectTokens(bench.Floats(logits, 4, 3), results);
        var read = new int[8];
        bench.Backend.Download<int>(results, read);
        Assert.That(read[..4], Is.EqualTo(new[] { -1, 2, 0, 0 }));
        Assert.That(read[4..].Select(BitConverter.Int32BitsToSingle), Is.All.NaN);
        return [];
    });

    [Test]
    public void AGridsLogitsStandWhereTheRuleSays()
    {
        foreach ((int first, int side) in new[] { (0, 1), (5, 6), (2, 0), (64, 20) })
        {
            ConformsExactly($"{side} x {side} from {first}", bench =>
            {
                TokenRule[] rules =
                [
                    new(0, 0, 0, TokenReading.Grid, 1), default, new(0b10, 0, 0, TokenReading.Probability, 0), new(0, 0, 0, TokenReading.Grid, 1 + (side * side)),
                ];
                bench.Begin(Steps.Outputs(4, [0, 1, 2, 3], [[], [], [], []], rules: rules));
                Tensor results = bench.Integers(4 + 1 + (2 * side * side));
                bench.Backend.SelectTokens(bench.Random(3, 4, 500), results, bench.Classes(Numbers(500), first, side));
                var read = new int[results.Shape.ElementCount];
                bench.Backend.Download<int>(results, read);
                float[] logits = Samples.Normal(3, 4, 500);
                Assert.That(
                    read[5..].Select(BitConverter.Int32BitsToSingle),
                    Is.EqualTo([.. logits[first..(first + (side * side))], .. logits[(1500 + first)..(1500 + first + (side * side))]]));
                return [.. read[..4].Select(id => (float)id)];
            });
        }
    }

    // Every rule on a row of its own; cells are of class 4.
    private static float[] Select(Workbench bench, int vocabulary, TokenChoice choice, int banned)
    {
        int side = (int)Math.Sqrt(vocabulary / 3.0), first = vocabulary / 5, rows = s_rules.Length;
        var random = new Random(vocabulary);
        sbyte[] numbers = Numbers(vocabulary);
        numbers.AsSpan(first, side * side).Fill(4);
        int[][] bans = [.. Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, Math.Min(banned, vocabulary / 2)).Select(_ => random.Next(vocabulary)).ToArray())];
        int[][] penalised = [.. Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, 20).Select(_ => random.Next(vocabulary)).ToArray())];
        TokenChoice[] choices = [.. Enumerable.Repeat(choice, rows)];
        bench.Begin(Steps.Outputs(rows, [.. Enumerable.Range(0, rows)], bans, choices, penalised, s_rules));
        Tensor results = bench.Integers(rows);
        bench.Backend.SelectTokens(bench.Floats(Array.ConvertAll(Samples.Normal(vocabulary, rows, vocabulary), v => 2 * v), rows, vocabulary), results, bench.Classes(numbers, first, side));
        return bench.ReadIntegers(results);
    }

    private static float[] Probabilities(Workbench bench, int vocabulary, float scale)
    {
        float[] logits = Array.ConvertAll(Samples.Normal(vocabulary, 3, vocabulary), v => v * scale);
        TokenRule rule = new(0, 0, 0, TokenReading.Probability, 0);
        TokenChoice[] choices = [default, default, TokenChoice.Drawn(3) with { Uniform = 2_000_000_000 }];
        int best = logits.AsSpan(vocabulary, vocabulary).IndexOf(logits.Skip(vocabulary).Take(vocabulary).Max());
        bench.Begin(Steps.Outputs(3, [0, 1, 2], [[], vocabulary > 1 ? [best] : [], []], choices, rules: [rule, rule with { Place = 2 }, rule with { Place = 1 }]));
        Tensor results = bench.Integers(6);
        bench.Backend.SelectTokens(bench.Floats(logits, 3, vocabulary), results);
        var read = new int[6];
        bench.Backend.Download<int>(results, read);
        return [.. read[..3].Select(id => (float)id), .. read[3..].Select(BitConverter.Int32BitsToSingle)];
    }

    private int One(float[] logits, sbyte[] numbers, TokenRule rule, int[]? bans = null, TokenChoice choice = default)
    {
        using var bench = new Workbench(Backend);
        bench.Begin(Steps.Outputs(1, [0], [bans ?? []], [choice], rules: [rule]));
        Tensor results = bench.Integers(1);
        bench.Backend.SelectTokens(bench.Floats(logits, 1, logits.Length), results, bench.Classes(numbers, 4, numbers.Length > 12 ? 3 : 0));
        return (int)bench.ReadIntegers(results)[0];
    }

    private static sbyte[] Numbers(int vocabulary)
    {
        var random = new Random(vocabulary);
        return [.. Enumerable.Range(0, vocabulary).Select(_ => (sbyte)random.Next(Classes))];
    }
}
