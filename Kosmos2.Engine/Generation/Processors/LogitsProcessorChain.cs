using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>Turns settings into processors, in the order in which transformers 4.57 applies them.</summary>
internal static class LogitsProcessorChain
{
    /// <summary>The processors that a plan's settings ask for, then the caller's own; those that would change nothing are left out.</summary>
    public static ILogitsProcessor[] Processors(GenerationPlan plan, GenerationHooks hooks)
    {
        List<ILogitsProcessor> chain = [];
        AddProcessors(chain, plan);
        chain.AddRange(hooks.LogitsProcessors);
        return [.. chain];
    }

    /// <summary>What comes last: the sampling filters, and log-softmax.</summary>
    public static ILogitsProcessor[] Filters(GenerationPlan plan)
    {
        List<ILogitsProcessor> chain = [];
        if (plan.DoSample)
            AddWarpers(chain, plan);
        if (plan.Config.RenormalizeLogits == true)
            chain.Add(new LogitNormalizationProcessor());
        return [.. chain];
    }

    /// <summary>
    /// How the device chooses a plan's tokens, but for what differs from step to step; null where it cannot stand in for every processor and filter.
    /// A greedy choice among changed scores is a draw from the best alone.
    /// </summary>
    public static TokenChoice? OnDevice(GenerationPlan plan)
    {
        TokenChoice greedy = TokenChoice.Drawn(1) with { TopK = 1 };
        TokenChoice choice = plan.DoSample ? TokenChoice.Drawn(1) : greedy;
        foreach (ILogitsProcessor processor in plan.Processors.Concat(plan.Filters))
        {
            if (processor is not IDeviceProcessor known)
                return null;
            choice = known.AddTo(choice);
        }
        return choice == greedy && !plan.DoSample ? default(TokenChoice) : choice;
    }

    private static void AddProcessors(List<ILogitsProcessor> chain, GenerationPlan plan)
    {
        GenerationConfig config = plan.Config;
        int[] eos = plan.EndOfSequence;
        if (config.SequenceBias is { } biases)
            chain.Add(new SequenceBiasProcessor(biases));
        if (config.RepetitionPenalty is { } penalty && penalty != 1)
            chain.Add(new RepetitionPenaltyProcessor(penalty, plan.VocabularySize));
        if (plan.NoRepeatNgramSize > 0)
            chain.Add(new NoRepeatNgramProcessor(plan.Constraint));
        if (config.BadWordsIds is { } words)
            chain.Add(SequenceBiasProcessor.ForBadWords(words, eos));

        // min_new_tokens replaces min_length where both are set.
        int minLength = config.MinNewTokens is null ? config.MinLength ?? 0 : 0;
        int minNewTokens = config.MinNewTokens ?? 0;
        if (eos.Length > 0 && (minLength > 0 || minNewTokens > 0))
            chain.Add(new MinLengthProcessor(minLength, minNewTokens, eos));

        if (config.ForcedBosTokenId is { } forcedBos)
            chain.Add(new ForcedBosProcessor(forcedBos));
        if (config.ForcedEosTokenId is { } forcedEos)
            chain.Add(new ForcedEosProcessor([.. forcedEos]));
        if (config.RemoveInvalidValues == true)
            chain.Add(new InvalidValuesProcessor());
        if (config.ExponentialDecayLengthPenalty is { } decay)
            chain.Add(new ExponentialDecayProcessor(decay, eos));
        if (config.SuppressTokens is { } suppressed)
            chain.Add(new SuppressTokensProcessor([.. suppressed]));
        if (config.BeginSuppressTokens is { } beginSuppressed)
            chain.Add(new BeginSuppressProcessor([.. beginSuppressed], config.ForcedBosTokenId is not null));
    }

    private static void AddWarpers(List<ILogitsProcessor> chain, GenerationPlan plan)
    {
        GenerationConfig config = plan.Config;
        int vocabulary = plan.VocabularySize;

        // A beam search keeps a token that does not end the sequence, so that there is something to go on with.
        int keep = plan.NumBeams > 1 ? Math.Max(2, plan.EndOfSequence.Length + 1) : 1;
        if (config.Temperature is { } temperature && temperature != 1)
            chain.Add(new TemperatureWarper(temperature));
        int topK = config.TopK ?? 50;
        if (topK > 0)
            chain.Add(new TopKWarper(topK, vocabulary, keep));
        if (config.TopP is { } topP && topP < 1)
            chain.Add(new TopPWarper(topP, vocabulary, keep));
        if (config.MinP is { } minP)
            chain.Add(new MinPWarper(minP, vocabulary, keep));
        if (config.TypicalP is { } typicalP && typicalP < 1)
            chain.Add(new TypicalPWarper(typicalP, vocabulary, keep));
        if (config.EpsilonCutoff is { } epsilon && epsilon > 0)
            chain.Add(new EpsilonCutoffWarper(epsilon, vocabulary, keep));
        if (config.EtaCutoff is { } eta && eta > 0)
            chain.Add(new EtaCutoffWarper(eta, vocabulary, keep));
    }
}
