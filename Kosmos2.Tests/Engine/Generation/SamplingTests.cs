using Kosmos2.Engine.Generation;

namespace Kosmos2.Tests.Engine.Generation;

public sealed class SamplingTests
{
    private static readonly int[][] s_prompts = [[2, 3, 4], [4], [3, 3, 2, 2, 4]];

    /// <summary>The known answers of Random123's kat_vectors for philox4x32 with 10 rounds; words are there in the order low to high.</summary>
    [TestCase(0UL, 0UL, 0UL, 0xe169c58d_6627e8d5UL, 0x9b00dbd8_bc57ac4cUL)]
    [TestCase(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x41c83b0e_408f276dUL, 0x6d5451fd_a20bc7c6UL)]
    [TestCase(0x299f31d0_a4093822UL, 0x85a308d3_243f6a88UL, 0x03707344_13198a2eUL, 0x94fdcceb_d16cfe09UL, 0x24126ea1_5001e420UL)]
    public void PhiloxGivesItsKnownAnswers(ulong key, ulong low, ulong high, ulong expectedLow, ulong expectedHigh) =>
        Assert.That(Philox.Block(key, low, high), Is.EqualTo((expectedLow, expectedHigh)));

    [Test]
    public void TokensAreDrawnInProportionToTheirProbability()
    {
        const int Draws = 20000;
        float[] logits = [0, 1, 2, -1, float.NegativeInfinity, 0.5f];
        double sum = logits.Sum(l => Math.Exp(l));
        var sampler = new TokenSampler(logits.Length);
        int[] counts = new int[logits.Length];
        for (int i = 0; i < Draws; i++)
            counts[sampler.Draw(logits, new RandomKey(7, (ulong)(i % 100)), i / 100)]++;
        for (int token = 0; token < logits.Length; token++)
        {
            double p = Math.Exp(logits[token]) / sum;
            Assert.That(counts[token], Is.EqualTo(Draws * p).Within(5 * Math.Sqrt(Draws * p * (1 - p))), $"token {token}");
        }
    }

    [Test]
    public void DistinctDrawsFollowThoseThatAreLeft()
    {
        // The chance of drawing i and then j is w_i * w_j / (1 - w_i).
        const int Draws = 20000;
        float[] weights = [0.5f, 0.3f, 0.2f];
        int[,] counts = new int[3, 3];
        for (int i = 0; i < Draws; i++)
        {
            int[] drawn = new int[2];
            TokenSampler.DrawDistinct([.. weights], new RandomKey(7, (ulong)i), 0, drawn);
            counts[drawn[0], drawn[1]]++;
        }
        for (int i = 0; i < 3; i++)
        {
            for (int j = 0; j < 3; j++)
            {
                double p = i == j ? 0 : weights[i] * weights[j] / (1 - weights[i]);
                Assert.That(counts[i, j], Is.EqualTo(Draws * p).Within(5 * Math.Sqrt(Draws * p)), $"{i} then {j}");
            }
        }
    }

    [Test]
    public void WhereNoWeightIsLeftTheLowestIndicesFollow()
    {
        int[] drawn = new int[4];
        TokenSampler.DrawDistinct([0, 1, 0, 0], new RandomKey(1, 0), 0, drawn);
        Assert.That(drawn, Is.EqualTo(new[] { 1, 0, 2, 3 }));
    }

    [Test]
    public void ASeedNamesItsTokensInABatchAndAlone([Values(1, 3)] int beams, [Values(1, 2)] int perPrompt)
    {
        GenerationConfig config = new() { DoSample = true, Seed = 11, MaxNewTokens = 12, NumBeams = beams, NumReturnSequences = perPrompt };
        GenerationResult batch = Run(s_prompts, config, 0);
        for (int i = 0; i < s_prompts.Length; i++)
        {
            // A beam search has one sequence of random numbers for each prompt, plain sampling one for each answer.
            GenerationResult alone = Run([s_prompts[i]], config, (ulong)(beams > 1 ? i : i * perPrompt));
            Assert.That(batch.Sequences.Where(s => s.Prompt == i).Select(s => s.Tokens), Is.EqualTo(alone.Sequences.Select(s => s.Tokens)), $"row {i}");
        }
        Assert.That(Run(s_prompts, config, 0).Sequences[0].Tokens, Is.EqualTo(batch.Sequences[0].Tokens), "the same seed");
        Assert.That(Run(s_prompts, config with { Seed = 12 }, 0).Sequences[0].Tokens, Is.Not.EqualTo(batch.Sequences[0].Tokens), "another seed");
    }

    [Test]
    public void AnswersToOnePromptDiffer()
    {
        GenerationConfig config = new() { DoSample = true, MaxNewTokens = 12, NumReturnSequences = 5 };
        FakeSession session = FakeSession.WithNoise([s_prompts[0]], 30, 1);
        GenerationResult result = Generator.Generate(session, [s_prompts[0]], config);
        Assert.That(result.Sequences.Select(s => string.Join(' ', s.Tokens)).Distinct().Count(), Is.EqualTo(5));
        Assert.That(session.Passes, Is.EqualTo(12), "all run together");
    }

    [Test]
    public void WithOneCandidateSamplingIsGreedy()
    {
        GenerationConfig greedy = new() { MaxNewTokens = 12 };
        GenerationConfig sampled = greedy with { DoSample = true, TopK = 1 };
        Assert.That(
            Run(s_prompts, sampled, 0).Sequences.Select(s => s.Tokens), Is.EqualTo(Run(s_prompts, greedy, 0).Sequences.Select(s => s.Tokens)));
    }

    [Test]
    public void ScoresBeyondAFloatAreDrawnLikeOthers()
    {
        // The best by far, though divided by the temperature no longer a number, and an end that grows beyond all numbers.
        GenerationConfig config = new() { DoSample = true, MaxNewTokens = 9 };
        var bias = config with { SequenceBias = [new([7], 1e30f), new([8], 0.9e30f)], Temperature = 1e-30f };
        Assert.That(Run(s_prompts, bias, 0).Sequences.SelectMany(s => s.Tokens), Is.All.EqualTo(7));
        var ending = config with { EosTokenId = [7], ExponentialDecayLengthPenalty = new(0, float.MaxValue), MinNewTokens = 3 };
        Assert.That(Run(s_prompts, ending, 0).Sequences.Select(s => (s.Tokens.Count, s.Tokens[^1])), Is.All.EqualTo((4, 7)));
    }

    [Test]
    public void FiftyCandidatesAreTheDefault()
    {
        // Hugging Face's top_k is 50 where nothing is said.
        GenerationConfig config = new() { DoSample = true, MaxNewTokens = 1, OutputScores = ScoreOutput.All };
        GeneratedSequence sequence = Generator.Generate(FakeSession.WithNoise([[1]], 200, 1), [[1]], config).Sequences[0];
        Assert.That(sequence.Scores![0].Count(float.IsFinite), Is.EqualTo(50));
    }

    private static GenerationResult Run(int[][] prompts, GenerationConfig config, ulong firstSequence) =>
        Generator.Generate(FakeSession.WithNoise(prompts, 30, 1), prompts, config with { FirstSequence = firstSequence });
}
