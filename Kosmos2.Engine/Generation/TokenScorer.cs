namespace Kosmos2.Engine.Generation;

/// <summary>Turns a model's scores into those from which a token is chosen: processors, then the grammar, then the sampling filters.</summary>
internal static class TokenScorer
{
    /// <summary>Processes a sequence's scores.</summary>
    /// <param name="plan">The sequence's settings.</param>
    /// <param name="sequence">The sequence.</param>
    /// <param name="scores">[vocabulary] logits, in a beam search log probabilities; changed in place.</param>
    /// <param name="raw">[vocabulary] receives what they were, if the plan has a grammar.</param>
    public static void Process(GenerationPlan plan, RunningSequence sequence, Span<float> scores, Span<float> raw)
    {
        if (plan.Grammar is not null)
            scores.CopyTo(raw);
        SequenceView view = sequence.View;
        foreach (ILogitsProcessor processor in plan.Processors)
            processor.Process(view, scores);
        plan.Constraint?.Process(sequence, raw, scores);
        foreach (ILogitsProcessor filter in plan.Filters)
            filter.Process(view, scores);
    }
}
