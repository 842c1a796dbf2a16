using Kosmos2.Engine.Generation;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>The processors without a reference file, on cases small enough to see.</summary>
public sealed class ProcessorTests
{
    private const float Never = float.NegativeInfinity;

    [Test]
    public void ABiasFallsOnATokenThatCompletesItsSequence()
    {
        var config = new GenerationConfig { SequenceBias = [new([4], 1), new([1, 2, 3], -2), new([2, 5], 10), new([3, 2, 5], 100), new([4], 3)] };
        Assert.That(Process(config, [0, 0, 0, 0, 0, 0], [0, 1, 2]), Is.EqualTo(new float[] { 0, 0, 0, -2, 3, 10 }), "a sequence given twice has its last bias");
        Assert.That(Process(config, [0, 0, 0, 0, 0, 0], [1, 2]), Is.EqualTo(new float[] { 0, 0, 0, 0, 3, 10 }), "a sequence longer than the context is ignored");
        Assert.That(Process(config, [0, 0, 0, 0, 0, 0], [2]), Is.EqualTo(new float[] { 0, 0, 0, 0, 3, 0 }));
        Assert.That(Process(config, [0, 0, 0, 0, 0, 0], [2, 2]), Is.EqualTo(new float[] { 0, 0, 0, 0, 3, 10 }));
    }

    [Test]
    public void BadWordsAreForbiddenButNotTheEndOfTheSequence()
    {
        var config = new GenerationConfig { BadWordsIds = [[1], [2], [0, 3], [3, 2]], EosTokenId = [2] };
        Assert.That(Process(config, [5, 5, 5, 5], [3, 0]), Is.EqualTo(new[] { 5, Never, 5, Never }));
        Assert.That(Process(config, [5, 5, 5, 5], [3, 3]), Is.EqualTo(new[] { 5, Never, Never, 5 }), "as part of a longer word it is forbidden");
    }

    [Test]
    public void ARepeatedTokenIsPenalisedOnce()
    {
        var config = new GenerationConfig { RepetitionPenalty = 2 };
        Assert.That(Process(config, [4, -4, 4, 0], [0, 1, 0, 0, 1]), Is.EqualTo(new float[] { 2, -8, 4, 0 }));
    }

    [Test]
    public void NothingEndsBeforeTheMinimumLength()
    {
        float[] free = [1, 1, 1], held = [1, Never, Never];
        var minLength = new GenerationConfig { MinLength = 4, EosTokenId = [1, 2] };
        Assert.That(Process(minLength, [1, 1, 1], [0, 0], [0]), Is.EqualTo(held), "2 + 1 of 4 tokens");
        Assert.That(Process(minLength, [1, 1, 1], [0, 0], [0, 0]), Is.EqualTo(free), "2 + 2 of 4 tokens");

        var minNew = new GenerationConfig { MinNewTokens = 2, EosTokenId = [1, 2] };
        Assert.That(Process(minNew, [1, 1, 1], [0, 0, 0, 0, 0], [0]), Is.EqualTo(held));
        Assert.That(Process(minNew, [1, 1, 1], [0, 0, 0, 0, 0], [0, 0]), Is.EqualTo(free));
        Assert.That(Process(minNew with { MinLength = 99 }, [1, 1, 1], [0], [0, 0]), Is.EqualTo(free), "min_new_tokens replaces min_length");
    }

    [Test]
    public void ForcedTokensLeaveNoChoice()
    {
        var bos = new GenerationConfig { ForcedBosTokenId = 1 };
        Assert.That(Process(bos, [5, 5, 5], [0]), Is.EqualTo(new[] { Never, 0, Never }));
        Assert.That(Process(bos, [5, 5, 5], [0, 0]), Is.EqualTo(new float[] { 5, 5, 5 }), "only after a prompt of one token");

        var eos = new GenerationConfig { ForcedEosTokenId = [1, 2], MaxNewTokens = 3 };
        Assert.That(Process(eos, [5, 5, 5], [0], [0]), Is.EqualTo(new float[] { 5, 5, 5 }));
        Assert.That(Process(eos, [5, 5, 5], [0], [0, 0]), Is.EqualTo(new[] { Never, 0, 0 }), "the last place");
    }

    [Test]
    public void InvalidValuesBecomeFinite()
    {
        var config = new GenerationConfig { RemoveInvalidValues = true };
        Assert.That(
            Process(config, [float.NaN, float.PositiveInfinity, Never, 7], [0]), Is.EqualTo(new[] { 0, float.MaxValue, float.MinValue, 7 }));
    }

    [Test]
    public void EndingGrowsExponentiallyLikelier()
    {
        var config = new GenerationConfig { ExponentialDecayLengthPenalty = new(2, 3), EosTokenId = [1, 2] };
        Assert.That(Process(config, [1, 2, -2], [0], [0, 0]), Is.EqualTo(new float[] { 1, 2, -2 }), "not yet");
        Assert.That(Process(config, [1, 2, -2], [0], [0, 0, 0]), Is.EqualTo(new float[] { 1, 6, 2 }), "s + |s| (3 - 1)");
        Assert.That(Process(config, [1, 2, -2], [0], [0, 0, 0, 0]), Is.EqualTo(new float[] { 1, 18, 14 }), "s + |s| (9 - 1)");
        Assert.That(Process(config with { MinNewTokens = 9 }, [1, 2, -2], [0], [0, 0, 0]), Is.EqualTo(new[] { 1, Never, Never }), "forbidden stays forbidden");
    }

    [Test]
    public void SuppressedTokensAreForbiddenAlwaysOrAtTheBeginning()
    {
        Assert.That(Process(new() { SuppressTokens = [0, 2] }, [5, 5, 5], [0], [1, 1]), Is.EqualTo(new[] { Never, 5, Never }));
        var begin = new GenerationConfig { BeginSuppressTokens = [0, 2] };
        Assert.That(Process(begin, [5, 5, 5], [0]), Is.EqualTo(new[] { Never, 5, Never }));
        Assert.That(Process(begin, [5, 5, 5], [0], [1]), Is.EqualTo(new float[] { 5, 5, 5 }));

        // After a prompt of one token with a forced first token, the beginning is one later.
        GenerationConfig forced = begin with { ForcedBosTokenId = 2 };
        Assert.That(Process(forced, [5, 5, 5], [0]), Is.EqualTo(new[] { Never, Never, 0 }));
        Assert.That(Process(forced, [5, 5, 5], [0], [2]), Is.EqualTo(new[] { Never, 5, Never }));
    }

    [Test]
    public void RenormalisedScoresAreLogProbabilities()
    {
        float[] scores = Process(new() { RenormalizeLogits = true, SuppressTokens = [1] }, [1, 2, 3, 3], [0]);
        Assert.That(scores[1], Is.EqualTo(Never));
        Assert.That(scores.Sum(s => Math.Exp(s)), Is.EqualTo(1).Within(1e-6));
        Assert.That(scores[2] - scores[0], Is.EqualTo(2).Within(1e-6));
    }

    [Test]
    public void FiltersKeepAtLeastWhatABeamSearchNeeds([Values("top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")] string filter)
    {
        float[] logits = [.. Enumerable.Range(0, 20).Select(i => 3f * i)]; // all but one very unlikely
        GenerationConfig config = GenerationConfig.Parse(
            $$"""{"do_sample": true, "eos_token_id": [0, 1], "{{filter}}": {{(filter == "top_k" ? "1" : "0.5")}}}""");
        if (filter != "top_k")
            config = config with { TopK = 0 };
        Assert.That(Process(config, logits, [0]).Count(float.IsFinite), Is.EqualTo(1));
        Assert.That(Process(config with { NumBeams = 2 }, logits, [0]).Count(float.IsFinite), Is.EqualTo(3), "one more than there are ways to end");
    }

    [Test]
    public void FiltersRunInTheOrderOfTransformersAfterTheCallersProcessors()
    {
        var own = new Recorder();
        GenerationConfig config = GenerationConfig.Parse(
            """
            {"do_sample": true, "sequence_bias": [[[1], 1.0]], "repetition_penalty": 2, "no_repeat_ngram_size": 2, "bad_words_ids": [[1]],
             "eos_token_id": 2, "min_length": 3, "forced_bos_token_id": 1, "forced_eos_token_id": 2, "remove_invalid_values": true,
             "exponential_decay_length_penalty": [1, 2], "suppress_tokens": [1], "begin_suppress_tokens": [1], "temperature": 2, "top_k": 3,
             "top_p": 0.5, "min_p": 0.5, "typical_p": 0.5, "epsilon_cutoff": 0.5, "eta_cutoff": 0.5, "renormalize_logits": true}
            """);
        var plan = new GenerationPlan(config, 10, new GenerationHooks { LogitsProcessors = [own] });
        Assert.That(plan.Processors.Concat(plan.Filters).Select(p => p.GetType()), Is.EqualTo(new[]
        {
            typeof(SequenceBiasProcessor), typeof(RepetitionPenaltyProcessor), typeof(NoRepeatNgramProcessor), typeof(SequenceBiasProcessor),
            typeof(MinLengthProcessor), typeof(ForcedBosProcessor), typeof(ForcedEosProcessor), typeof(InvalidValuesProcessor),
            typeof(ExponentialDecayProcessor), typeof(SuppressTokensProcessor), typeof(BeginSuppressProcessor), typeof(Recorder),
            typeof(TemperatureWarper), typeof(TopKWarper), typeof(TopPWarper), typeof(MinPWarper), typeof(TypicalPWarper),
            typeof(EpsilonCutoffWarper), typeof(EtaCutoffWarper), typeof(LogitNormalizationProcessor),
        }));
    }

    [Test]
    public void TheCallersProcessorSeesTheWholeHistory()
    {
        var own = new Recorder();
        int[][] prompts = [[5, 6], [7]];
        GenerationResult result = Generator.Generate(
            FakeSession.WithNoise(prompts, 20, 1), prompts, new() { MaxNewTokens = 3 }, new() { LogitsProcessors = [own] });
        Assert.That(own.Seen.Where(s => s.Prompt == 1).Select(s => s.Tokens), Is.EqualTo(
            Enumerable.Range(0, 3).Select(n => prompts[1].Concat(result.Sequences[1].Tokens.Take(n)).ToArray())));
        Assert.That(own.Seen.Select(s => s.MaxLength).Distinct(), Is.EquivalentTo(new[] { 5, 4 }));
    }

    /// <summary>Runs a configuration's processors once.</summary>
    private static float[] Process(GenerationConfig config, float[] scores, int[] prompt, int[]? newTokens = null)
    {
        var plan = new GenerationPlan(config, scores.Length, new GenerationHooks());
        var sequence = new RunningSequence(0, prompt, plan);
        foreach (int token in newTokens ?? [])
            sequence.Append(token, default, null);
        float[] processed = [.. scores];
        foreach (ILogitsProcessor processor in plan.Processors.Concat(plan.Filters))
            processor.Process(sequence.View, processed);
        return processed;
    }

    private sealed class Recorder : ILogitsProcessor
    {
        public List<(int Prompt, int[] Tokens, int MaxLength)> Seen { get; } = [];

        public void Process(in SequenceView sequence, Span<float> scores) =>
            Seen.Add((sequence.Prompt, sequence.Tokens.ToArray(), sequence.MaxLength));
    }
}
