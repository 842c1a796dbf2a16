namespace Kosmos2.Engine.Generation;

/// <summary>What becomes of a sequence with a token.</summary>
/// <param name="Reason">Why it ends, or is to end; null when it just goes on.</param>
/// <param name="Ends">Whether it ends with this token. Otherwise what is open is closed first.</param>
internal readonly record struct Ending(FinishReason? Reason, bool Ends)
{
    /// <summary>Why it ends with this token; null when it does not.</summary>
    public FinishReason? Finish => Ends ? Reason : null;
}

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

    /// <summary>What becomes of a sequence with a token that is about to be appended.</summary>
    /// <remarks>
    /// Under the grounding grammar a sequence that is to end first closes what is open; nobody is asked again meanwhile. Only the length limit
    /// does not wait: there everything is closed, unless a prompt left more open than the limit has room for.
    /// </remarks>
    public Ending After(RunningSequence sequence, int token)
    {
        FinishReason? reason = sequence.Closing ?? ReasonAfter(sequence, token);
        if (reason is null || _plan.Constraint is null || _plan.Constraint.IsClosedAfter(sequence, token))
            return new Ending(reason, reason is not null);
        return sequence.Length + 1 < sequence.MaxLength ? new Ending(reason, false) : new Ending(sequence.LengthReason, true);
    }

    private FinishReason? ReasonAfter(RunningSequence sequence, int token)
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
