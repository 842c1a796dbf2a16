namespace Kosmos2.Engine.Generation;

/// <summary>What a caller brings to a generation besides settings.</summary>
public sealed class GenerationHooks
{
    /// <summary>Run after the built-in processors and before the sampling filters, in this order.</summary>
    public IReadOnlyList<ILogitsProcessor> LogitsProcessors { get; init; } = [];

    /// <summary>Asked after the built-in criteria.</summary>
    public IReadOnlyList<IStoppingCriterion> StoppingCriteria { get; init; } = [];

    /// <summary>The model's grounding grammar, for <see cref="GenerationConfig.WellFormedGrounding"/>; null for none.</summary>
    public GroundingGrammar? Grammar { get; init; }

    /// <summary>
    /// Told each token as it is chosen, on the thread that generates. A beam search has no token to tell before it ends and reports nothing.
    /// <see cref="System.Progress{T}"/> hands its reports to other threads, where they may overtake each other.
    /// </summary>
    public IProgress<GeneratedToken>? Progress { get; init; }
}

/// <summary>Turns tokens into text, for stop strings.</summary>
internal delegate string TokenDecoder(ReadOnlySpan<int> tokens);
