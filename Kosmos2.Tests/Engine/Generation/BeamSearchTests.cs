using Kosmos2.Engine.Generation;

namespace Kosmos2.Tests.Engine.Generation;

public sealed class BeamSearchTests
{
    private const int Eos = 1;

    private static readonly int[][] s_prompts = [[2, 3, 4], [4], [3, 3, 2, 2, 4]];

    /// <summary>With room for every path the search is exhaustive, so it must find what trying all paths finds, in the same order.</summary>
    [Test]
    public void WithABeamForEveryPathTheBestSequencesAreFound(
        [Values(1, 2, 3, 4)] int seed, [Values(-1f, 0f, 0.5f, 1f, 2f)] float lengthPenalty, [Values(1, 2, 3)] int newTokens)
    {
        const int Vocabulary = 5;
        int[] prompt = s_prompts[0];
        int beams = (int)Math.Pow(Vocabulary, newTokens);
        var all = new List<(double Score, int[] Tokens)>();
        Explore([.. prompt], 0);
        all.Sort((a, b) => b.Score.CompareTo(a.Score));

        // "Never" with a limit: no heuristic may end the search early. (With a negative penalty longer sequences score worse in any case.)
        var config = new GenerationConfig
        {
            MaxNewTokens = newTokens,
            NumBeams = beams,
            NumReturnSequences = Math.Min(8, all.Count),
            EosTokenId = [Eos],
            LengthPenalty = lengthPenalty,
            EarlyStopping = EarlyStopping.Never,
        };
        GenerationResult result = Generator.Generate(FakeSession.WithNoise([prompt], Vocabulary, seed), [prompt], config);
        for (int i = 0; i < config.NumReturnSequences; i++)
        {
            Assert.That(result.Sequences[i].Tokens, Is.EqualTo(all[i].Tokens), $"sequence {i}");
            Assert.That(result.Sequences[i].Score, Is.EqualTo(all[i].Score).Within(1e-4), $"sequence {i}");
        }

        void Explore(List<int> tokens, double score)
        {
            double[] logProbabilities = LogProbabilities(seed, Vocabulary, tokens);
            for (int token = 0; token < Vocabulary; token++)
            {
                List<int> longer = [.. tokens, token];
                int count = longer.Count - prompt.Length;
                double sum = score + logProbabilities[token];
                if (token == Eos || count == newTokens)
                    all.Add((sum / Math.Pow(count, lengthPenalty), [.. longer.Skip(prompt.Length)]));
                else
                    Explore(longer, sum);
            }
        }
    }

    [Test]
    public void APromptsBeamsAreThoseItHasAlone(
        [Values(1, 2, 3, 4, 5)] int seed, [Values] EarlyStopping early, [Values(-1f, 1f, 2f)] float lengthPenalty, [Values(0, 2)] int ngram, [Values] bool sample)
    {
        var config = new GenerationConfig
        {
            MaxNewTokens = 12,
            NumBeams = 4,
            NumReturnSequences = 3,
            EosTokenId = [1, 5, 7],
            EarlyStopping = early,
            LengthPenalty = lengthPenalty,
            NoRepeatNgramSize = ngram,
            DoSample = sample,
            OutputScores = ScoreOutput.Chosen,
        };
        GenerationResult batch = Generator.Generate(FakeSession.WithNoise(s_prompts, 17, seed), s_prompts, config);
        Assert.That(batch.Sequences.Select(s => s.Prompt), Is.EqualTo(new[] { 0, 0, 0, 1, 1, 1, 2, 2, 2 }));
        for (int i = 0; i < s_prompts.Length; i++)
        {
            GenerationResult alone = Generator.Generate(
                FakeSession.WithNoise([s_prompts[i]], 17, seed), [s_prompts[i]], config with { FirstSequence = (ulong)i });
            for (int j = 0; j < 3; j++)
            {
                GeneratedSequence a = alone.Sequences[j], b = batch.Sequences[(3 * i) + j];
                Assert.That(b.Tokens, Is.EqualTo(a.Tokens), $"prompt {i}, sequence {j}");
                Assert.That(b.Score, Is.EqualTo(a.Score), $"prompt {i}, sequence {j}");
                Assert.That(b.FinishReason, Is.EqualTo(a.FinishReason), $"prompt {i}, sequence {j}");
            }
        }
    }

    [Test]
    public void ASequencesScoreIsThatOfItsTokens([Values(1, 2, 3)] int seed, [Values(-0.5f, 1f, 1.5f)] float lengthPenalty)
    {
        var config = new GenerationConfig
        {
            MaxNewTokens = 10,
            NumBeams = 5,
            NumReturnSequences = 5,
            EosTokenId = [1, 2],
            LengthPenalty = lengthPenalty,
            OutputScores = ScoreOutput.All,
        };
        foreach (GeneratedSequence sequence in Generator.Generate(FakeSession.WithNoise(s_prompts, 13, seed), s_prompts, config).Sequences)
        {
            double sum = 0;
            List<int> tokens = [.. s_prompts[sequence.Prompt]];
            for (int step = 0; step < sequence.Tokens.Count; step++)
            {
                double score = LogProbabilities(seed, 13, tokens)[sequence.Tokens[step]];
                Assert.That(sequence.ChosenScores![step], Is.EqualTo(score).Within(1e-5));
                Assert.That(sequence.Scores![step][sequence.Tokens[step]], Is.EqualTo(sequence.ChosenScores[step]));
                sum += score;
                tokens.Add(sequence.Tokens[step]);
            }
            Assert.That(sequence.Score, Is.EqualTo(sum / Math.Pow(sequence.Tokens.Count, lengthPenalty)).Within(1e-4));
            bool ended = sequence.Tokens[^1] is 1 or 2;
            Assert.That(sequence.FinishReason, Is.EqualTo(ended ? FinishReason.Eos : FinishReason.MaxNewTokens));
            Assert.That(sequence.Tokens.SkipLast(1), Has.None.EqualTo(1).And.None.EqualTo(2));
        }
    }

    /// <summary>
    /// A model worked out by hand. From the prompt: 2 with probability 0.6, the end with 0.4; after 2 the end with 0.1, 3 with 0.9; after
    /// 3 always 3, for as long as there is room.
    /// </summary>
    [TestCase(EarlyStopping.True, 1f, new[] { 1 }, 2, Description = "two sequences have ended after two steps")]
    [TestCase(EarlyStopping.False, 1f, new[] { 2, 3, 3, 3, 3, 3 }, 6, Description = "2 3 has log 0.54 / 2, above log 0.06 / 2, and goes on to win")]
    [TestCase(EarlyStopping.Never, 0f, new[] { 2, 3, 3, 3, 3, 3 }, 6, Description = "0.54 beats 0.4 without any penalty")]
    public void EarlyStoppingDecidesWhenTheSearchEnds(EarlyStopping early, float lengthPenalty, int[] best, int passes)
    {
        int[][] prompts = [[0]];
        var session = new FakeSession(prompts, 4, (tokens, logits) =>
        {
            float[] probabilities = tokens[^1] switch
            {
                0 => [0, 0.4f, 0.6f, 0],
                2 => [0, 0.1f, 0, 0.9f],
                _ => [0, 0, 0, 1],
            };
            for (int i = 0; i < 4; i++)
                logits[i] = MathF.Log(probabilities[i] + 1e-12f);
        });
        var config = new GenerationConfig { MaxNewTokens = 6, NumBeams = 2, EosTokenId = [Eos], EarlyStopping = early, LengthPenalty = lengthPenalty };
        GenerationResult result = Generator.Generate(session, prompts, config);
        Assert.That(result.Sequences[0].Tokens, Is.EqualTo(best));
        Assert.That(session.Passes, Is.EqualTo(passes));
    }

    [Test]
    public void FinishedPromptsLeaveTheBatch()
    {
        // The second prompt's beams end in the first steps; the first never ends.
        int[][] prompts = [[0], [9]];
        var session = new FakeSession(prompts, 12, (tokens, logits) =>
        {
            FakeSession.Noise(3, 0.1f)(tokens, logits);
            logits[Eos] = tokens[0] == 9 ? 9 : -9;
        });
        var config = new GenerationConfig { MaxNewTokens = 9, NumBeams = 2, EosTokenId = [Eos], EarlyStopping = EarlyStopping.True };
        GenerationResult result = Generator.Generate(session, prompts, config);
        Assert.That(result.Sequences.Select(s => s.FinishReason), Is.EqualTo(new[] { FinishReason.MaxNewTokens, FinishReason.Eos }));
        Assert.That(session.Passes, Is.EqualTo(9));
        Assert.That(session.DecodedRows, Is.EqualTo((8 * 2) + 2), "two beams of the first prompt in every step, of the second in one");
    }

    [Test]
    public void WhereEverythingIsForbiddenTheAnswerIsEmpty()
    {
        var forbid = new GenerationHooks { LogitsProcessors = [new ForbidAll()] };
        GenerationResult result = Generator.Generate(FakeSession.WithNoise(s_prompts, 5, 1), s_prompts, new() { NumBeams = 2 }, forbid);
        Assert.That(result.Sequences, Has.Count.EqualTo(3));
        Assert.That(result.Sequences.Select(s => s.Tokens.Count), Has.All.Zero);
        Assert.That(result.Sequences.Select(s => s.FinishReason), Has.All.EqualTo(FinishReason.NoContinuation));
    }

    [Test]
    public void MoreBeamsThanTokensIsNoFault([Values] EarlyStopping early)
    {
        var config = new GenerationConfig { MaxNewTokens = 3, NumBeams = 8, NumReturnSequences = 8, EosTokenId = [0, 1], EarlyStopping = early };
        GenerationResult result = Generator.Generate(FakeSession.WithNoise([[2]], 3, 1), [[2]], config);

        // 2 continues, 0 and 1 end: seven different sequences of up to three tokens.
        Assert.That(result.Sequences.Take(7).Select(s => string.Join(' ', s.Tokens)).Distinct().Count(), Is.EqualTo(7));
        Assert.That(result.Sequences.Take(7).Select(s => s.Score), Is.Ordered.Descending.And.All.GreaterThan(-100));
    }

    private static double[] LogProbabilities(int seed, int vocabulary, List<int> tokens)
    {
        float[] logits = new float[vocabulary];
        FakeSession.Noise(seed)(tokens.ToArray(), logits);
        double sum = logits.Sum(l => Math.Exp(l));
        return [.. logits.Select(l => l - Math.Log(sum))];
    }

    private sealed class ForbidAll : ILogitsProcessor
    {
        public void Process(in SequenceView sequence, Span<float> scores) => scores.Fill(float.NegativeInfinity);
    }
}
