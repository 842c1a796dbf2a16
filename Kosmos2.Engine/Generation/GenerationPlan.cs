using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>A configuration that was checked, with Hugging Face's defaults where nothing was set.</summary>
internal sealed class GenerationPlan
{
    /// <summary>New tokens when no limit is set (transformers 4.57).</summary>
    private const int DefaultNewTokens = 20;

    /// <summary>Checks a configuration.</summary>
    /// <param name="config">Settings, merged with the checkpoint's.</param>
    /// <param name="vocabularySize">Token ids must be below it.</param>
    /// <param name="hooks">The caller's own processors.</param>
    /// <exception cref="ArgumentException">A setting is out of range or contradicts another.</exception>
    public GenerationPlan(GenerationConfig config, int vocabularySize, GenerationHooks hooks)
    {
        GenerationRules.Check(config, vocabularySize);
        Config = config;
        VocabularySize = vocabularySize;
        EndOfSequence = [.. config.EosTokenId ?? []];
        PadTokenId = config.PadTokenId ?? (EndOfSequence.Length > 0 ? EndOfSequence[0] : -1);
        NumBeams = config.NumBeams ?? 1;
        NumReturnSequences = config.NumReturnSequences ?? 1;
        DoSample = config.DoSample ?? false;
        LengthPenalty = config.LengthPenalty ?? 1;
        EarlyStopping = config.EarlyStopping ?? EarlyStopping.False;
        NoRepeatNgramSize = config.NoRepeatNgramSize ?? 0;
        Scores = config.OutputScores ?? ScoreOutput.None;
        Outputs = (config.OutputLogits == true ? StepOutputs.Logits : 0)
            | (config.OutputHiddenStates == true ? StepOutputs.HiddenStates : 0)
            | (config.OutputAttentions == true ? StepOutputs.Attentions : 0);
        Grammar = hooks.Grammar?.Fits(vocabularySize) == true ? hooks.Grammar : null;
        if (config.WellFormedGrounding == true)
        {
            Grammar = GroundingGrammar.Require(hooks.Grammar, vocabularySize);
            Constraint = GroundingConstraint.Create(Grammar, vocabularySize, EndOfSequence, config.ForcedEosTokenId is not null);
        }
        Random = new RandomKey(config.Seed ?? 0, config.FirstSequence ?? 0);
        Processors = LogitsProcessorChain.Processors(this, hooks);
        Filters = LogitsProcessorChain.Filters(this);
        if (NumBeams == 1 && Scores == ScoreOutput.None && Outputs == StepOutputs.None)
            DeviceChoice = LogitsProcessorChain.OnDevice(this);
    }

    /// <summary>The configuration.</summary>
    public GenerationConfig Config { get; }

    /// <summary>Length of a row of scores.</summary>
    public int VocabularySize { get; }

    /// <summary>Tokens that end a sequence.</summary>
    public int[] EndOfSequence { get; }

    /// <summary>Fills up short sequences; -1 for none.</summary>
    public int PadTokenId { get; }

    /// <summary>Beams per prompt.</summary>
    public int NumBeams { get; }

    /// <summary>Answers per prompt.</summary>
    public int NumReturnSequences { get; }

    /// <summary>Whether tokens are drawn.</summary>
    public bool DoSample { get; }

    /// <summary>Exponent of the length that divides a beam's log probability.</summary>
    public float LengthPenalty { get; }

    /// <summary>When a beam search ends.</summary>
    public EarlyStopping EarlyStopping { get; }

    /// <summary>n of the n-grams that may not repeat, or 0.</summary>
    public int NoRepeatNgramSize { get; }

    /// <summary>Scores to keep.</summary>
    public ScoreOutput Scores { get; }

    /// <summary>What else to keep of each step.</summary>
    public StepOutputs Outputs { get; }

    /// <summary>Tells phrases and boxes from text, for what is kept about them; null for none.</summary>
    public GroundingGrammar? Grammar { get; }

    /// <summary>Keeps answers to the grammar; null when that was not asked for.</summary>
    public GroundingConstraint? Constraint { get; }

    /// <summary>The key of the first sequence's random numbers.</summary>
    public RandomKey Random { get; }

    /// <summary>What changes scores before the grammar, in order.</summary>
    public ILogitsProcessor[] Processors { get; }

    /// <summary>What changes them after it: the sampling filters and the renormalisation.</summary>
    public ILogitsProcessor[] Filters { get; }

    /// <summary>How the device chooses by itself, but for the random number; null where it cannot. Then all processors are <see cref="IDeviceProcessor"/>s.</summary>
    public TokenChoice? DeviceChoice { get; }

    /// <summary>Where a sequence ends at the latest, prompt included, and why.</summary>
    /// <exception cref="ArgumentException">The prompt leaves no room for a new token.</exception>
    public (int Length, FinishReason Reason) Limit(int promptLength)
    {
        var (length, reason) = Config switch
        {
            { MaxNewTokens: { } newTokens } => ((long)promptLength + newTokens, FinishReason.MaxNewTokens),
            { MaxLength: { } maxLength } => (maxLength, FinishReason.MaxLength),
            _ => (DefaultLength(promptLength), FinishReason.MaxNewTokens),
        };
        if (Config.MaxContext is { } context && context.MaxTokens < length)
            (length, reason) = (context.MaxTokens, FinishReason.MaxContext);
        if (promptLength >= length)
        {
            string setting = reason == FinishReason.MaxLength ? "max_length" : "MaxContext";
            throw new ArgumentException($"the prompt has {promptLength} tokens and {setting} is {length}: no room for a new token");
        }
        return ((int)Math.Min(length, int.MaxValue), reason);
    }

    /// <summary>Whether a token ends a sequence.</summary>
    public bool IsEndOfSequence(int token) => EndOfSequence.AsSpan().Contains(token);

    // A prompt beyond the cap, which transformers would refuse, gets its 20 tokens: positions do not end there.
    private long DefaultLength(int promptLength) => Config.DefaultLengthCap is { } cap && cap > promptLength
        ? Math.Min((long)promptLength + DefaultNewTokens, cap)
        : (long)promptLength + DefaultNewTokens;
}
