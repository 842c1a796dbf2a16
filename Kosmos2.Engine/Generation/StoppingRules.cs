namespace Kosmos2.Engine.Generation;

/// <summary>Decides after each new token whether its sequence ends.</summary>
internal sealed class StoppingRules
{
    private readonly GenerationPlan _plan;
    private readonly IReadOnlyList<IStoppingCriterion> _criteria;
    private readonly StopStrings? _stopStrings;
    private readonly TimeProvider _clock;
    private readonly long _start;

    /// <summary>Starts the clock.</summary>
    public StoppingRules(GenerationPlan plan, GenerationHooks hooks, TokenDecoder? decoder, TimeProvider clock)
    {
        _plan = plan;
        _criteria = hooks.StoppingCriteria;
        _clock = clock;
        _start = clock.GetTimestamp();
        if (plan.Config.StopStrings is { Count: > 0 } texts)
            _stopStrings = new StopStrings(texts, decoder ?? throw new ArgumentException("stop_strings is set, but there is no tokenizer to turn tokens into text"));
    }

    /// <summary>Why a sequence ends with a token that is about to be appended, or null when it goes on.</summary>
    public FinishReason? After(RunningSequence sequence, int token)
    {
        if (_plan.IsEndOfSequence(token))
            return FinishReason.Eos;
        if (_stopStrings is not null || _criteria.Count > 0)
        {
            SequenceView view = sequence.ViewWith(token);
            if (_stopStrings is not null && _stopStrings.CompletedBy(view.Tokens))
                return FinishReason.StopString;
            foreach (IStoppingCriterion criterion in _criteria)
            {
                if (criterion.ShouldStop(view))
                    return FinishReason.StoppingCriterion;
            }
        }
        if (sequence.Length + 1 >= sequence.MaxLength)
            return sequence.LengthReason;
        if (_plan.Config.MaxTime is { } limit && _clock.GetElapsedTime(_start) > limit)
            return FinishReason.MaxTime;
        return null;
    }
}
