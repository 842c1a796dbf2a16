using Kosmos2.Engine;
using Kosmos2.Engine.Generation;

namespace Kosmos2.Tests.Engine.Generation;

public sealed class GreedyTests
{
    private const int Vocabulary = 23;

    private static readonly int[][] s_prompts = [[3], [4, 5, 6, 4, 5], [7, 7, 7, 7, 7, 7, 7, 7], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]];

    [Test]
    public void EachRowOfABatchEqualsTheRowRunAlone(
        [Values(0, 1, 2, 3)] int ngram, [Values(1, 2, 3)] int seed, [Values(ScoreOutput.None, ScoreOutput.All)] ScoreOutput scores)
    {
        var config = new GenerationConfig { MaxNewTokens = 20, EosTokenId = [1, 5], NoRepeatNgramSize = ngram, OutputScores = scores };
        GenerationResult batch = Run(s_prompts, config, seed);
        Assert.That(batch.Sequences, Has.Count.EqualTo(s_prompts.Length));
        for (int i = 0; i < s_prompts.Length; i++)
        {
            GeneratedSequence alone = Run([s_prompts[i]], config, seed).Sequences[0];
            Assert.That(batch.Sequences[i].Tokens, Is.EqualTo(alone.Tokens), $"row {i}");
            Assert.That(batch.Sequences[i].FinishReason, Is.EqualTo(alone.FinishReason), $"row {i}");
            Assert.That(batch.Sequences[i].ChosenScores, Is.EqualTo(alone.ChosenScores), $"row {i}");
            Assert.That(batch.Sequences[i].Prompt, Is.EqualTo(i));
        }
    }

    [Test]
    public void TokensAreTheLikeliestThatRepeatNoNgram([Values(0, 1, 2, 3, 4)] int ngram, [Values(1, 2, 3, 4)] int seed)
    {
        foreach (int[] prompt in s_prompts)
        {
            // The rule by its definition: every window of the history, rescanned at every step.
            List<int> history = [.. prompt];
            float[] logits = new float[Vocabulary];
            for (int step = 0; step < 20; step++)
            {
                FakeSession.Noise(seed)(history.ToArray(), logits);
                for (int start = 0; ngram > 0 && start + ngram <= history.Count; start++)
                {
                    if (history.Slice(start, ngram - 1).SequenceEqual(history.Slice(history.Count - ngram + 1, ngram - 1)))
                        logits[history[start + ngram - 1]] = float.NegativeInfinity;
                }
                history.Add(Array.IndexOf(logits, logits.Max()));
            }
            var config = new GenerationConfig { MaxNewTokens = 20, NoRepeatNgramSize = ngram };
            Assert.That(Run([prompt], config, seed).Sequences[0].Tokens, Is.EqualTo(history.Skip(prompt.Length)), "chosen on the device");
            Assert.That(
                Run([prompt], config with { OutputScores = ScoreOutput.Chosen }, seed).Sequences[0].Tokens,
                Is.EqualTo(history.Skip(prompt.Length)),
                "chosen on the host");
        }
    }

    [Test]
    public void NothingButIdsIsReadWhereOnlyNgramsAreForbidden()
    {
        FakeSession session = FakeSession.WithNoise(s_prompts, Vocabulary, 1);
        Generator.Generate(session, s_prompts, new GenerationConfig { MaxNewTokens = 5, NoRepeatNgramSize = 3 });
        Assert.That(session.LogitsRead, Is.Zero);
    }

    [Test]
    public void ALastTokenCostsNoForwardPassAndFinishedRowsLeaveTheBatch()
    {
        // Token 9 at once for the second prompt, never for the first.
        int[][] prompts = [[1], [2]];
        var session = new FakeSession(prompts, 10, (tokens, logits) => logits[tokens[0] == 2 ? 9 : 3] = 1);
        GenerationResult result = Generator.Generate(session, prompts, new GenerationConfig { MaxNewTokens = 4, EosTokenId = [9], PadTokenId = 0 });
        Assert.That(session.Passes, Is.EqualTo(4));
        Assert.That(session.DecodedRows, Is.EqualTo(3));
        Assert.That(result.Sequences[0].Tokens, Is.EqualTo(new[] { 3, 3, 3, 3 }));
        Assert.That(result.Sequences[1].Tokens, Is.EqualTo(new[] { 9 }));
        Assert.That(result.Padded(), Is.EqualTo(new[] { new[] { 3, 3, 3, 3 }, [9, 0, 0, 0] }));
    }

    [Test]
    public void ScoresAreThoseAfterAllProcessors()
    {
        var config = new GenerationConfig { MaxNewTokens = 6, SuppressTokens = [0, 2, 4, 6], OutputScores = ScoreOutput.All };
        GeneratedSequence sequence = Run([s_prompts[1]], config, 5).Sequences[0];
        Assert.That(sequence.Scores, Has.Count.EqualTo(6));
        for (int step = 0; step < 6; step++)
        {
            Assert.That(sequence.Scores![step], Has.Length.EqualTo(Vocabulary));
            Assert.That(sequence.Scores[step][4], Is.EqualTo(float.NegativeInfinity));
            Assert.That(sequence.ChosenScores![step], Is.EqualTo(sequence.Scores[step].Max()).And.EqualTo(sequence.Scores[step][sequence.Tokens[step]]));
        }
    }

    [Test]
    public void TokensAreReportedAsTheyAreChosen()
    {
        var told = new List<GeneratedToken>();
        var hooks = new GenerationHooks { Progress = new SynchronousProgress<GeneratedToken>(told.Add) };
        var config = new GenerationConfig { MaxNewTokens = 8, EosTokenId = [1, 5] };
        GenerationResult result = Generator.Generate(FakeSession.WithNoise(s_prompts, Vocabulary, 2), s_prompts, config, hooks);
        for (int i = 0; i < s_prompts.Length; i++)
        {
            GeneratedToken[] own = [.. told.Where(t => t.Sequence == i)];
            Assert.That(own.Select(t => t.Id), Is.EqualTo(result.Sequences[i].Tokens));
            Assert.That(own.Select(t => t.Index), Is.EqualTo(Enumerable.Range(0, own.Length)));
            Assert.That(own.SkipLast(1).Select(t => t.Finish), Has.All.Null);
            Assert.That(own[^1].Finish, Is.EqualTo(result.Sequences[i].FinishReason));
        }
    }

    [Test]
    public void AStepOnTheDeviceAllocatesNothing([Values(0, 3)] int ngram, [Values] bool sample)
    {
        // Bytes are counted between two tokens late in the run, when lists have grown to their size; the last step makes the results.
        long[] allocated = new long[1000];
        var session = new SilentSession(4);
        int[][] prompts = [[1], [2], [3], [4]];
        var hooks = new GenerationHooks { Progress = new SynchronousProgress<GeneratedToken>(t => allocated[t.Index] = GC.GetAllocatedBytesForCurrentThread()) };
        Generator.Generate(session, prompts, new GenerationConfig { MaxNewTokens = 1000, NoRepeatNgramSize = ngram, DoSample = sample, RepetitionPenalty = sample ? 1.2f : 1 }, hooks);
        Assert.That(allocated[998] - allocated[600], Is.Zero);
    }

    private static GenerationResult Run(int[][] prompts, GenerationConfig config, int seed) =>
        Generator.Generate(FakeSession.WithNoise(prompts, Vocabulary, seed), prompts, config);

    /// <summary>A session that itself allocates nothing: counts up from the last token, past banned ones.</summary>
    private sealed class SilentSession(int count) : IDecodeSession
    {
        private readonly int[] _last = new int[count];
        private StepChoices? _choices;

        public int SequenceCount => _last.Length;

        public int VocabularySize => 64;

        public void Forward(
            ReadOnlySpan<int> tokenIds = default, ReadOnlySpan<int> counts = default, StepChoices? choices = null, StepOutputs outputs = StepOutputs.None)
        {
            tokenIds.CopyTo(_last); // none in the first pass
            _choices = choices;
        }

        public Span<float> LogitsOf(int sequence) => throw new InvalidOperationException("logits were read");

        public StepOutput OutputOf(int sequence, StepOutputs outputs) => throw new InvalidOperationException("outputs were read");

        public void SelectTokens(Span<int> tokenIds)
        {
            for (int i = 0; i < _last.Length; i++)
            {
                int token = (_last[i] * 5) % 64;
                while (_choices is not null && _choices.Bans[i].Contains(token))
                    token = (token + 1) % 64;
                tokenIds[i] = token;
            }
        }

        public ReadOnlySpan<float> ToldOf(int sequence) => throw new InvalidOperationException("nothing was asked");

        public void Rearrange(ReadOnlySpan<int> parents) => Assert.That(parents.Length, Is.Zero, "only the end of all ends any");

        public void Dispose()
        {
        }
    }
}
