using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// Keeps sequences to the grounding grammar, whatever else was asked for: a token may come only if all that is then open can still be closed
/// within what is left of the length limit. So near the end nothing is opened, and what is open gets closed.
/// </summary>
/// <param name="grammar">The model's grammar.</param>
/// <param name="endOfSequence">Tokens that end a sequence; they may not while something is open.</param>
/// <param name="forcesEnd">Whether the last place belongs to forced_eos_token_id.</param>
internal sealed class GroundingConstraint(GroundingGrammar grammar, int[] endOfSequence, bool forcesEnd)
{
    /// <summary>Refuses settings with which a grounding could not be written.</summary>
    /// <exception cref="ArgumentException">An end-of-sequence token is a tag, or no word is left that is none.</exception>
    public static GroundingConstraint Create(GroundingGrammar grammar, int vocabularySize, int[] endOfSequence, bool forcesEnd)
    {
        foreach (int token in endOfSequence)
        {
            if (grammar.IsTag(token))
                throw new ArgumentException($"eos_token_id names token {token}, a tag or patch index; WellFormedGrounding needs another");
        }
        for (int token = 0; token < vocabularySize; token++)
        {
            if (grammar.KindOf(token) == TokenKind.Word && !endOfSequence.Contains(token))
                return new GroundingConstraint(grammar, endOfSequence, forcesEnd);
        }
        throw new ArgumentException("WellFormedGrounding is set, but the vocabulary has no word that a phrase could hold");
    }

    /// <summary>Whether the ban on repeated n-grams passes over a token.</summary>
    public bool MayRepeat(int token) => grammar.IsTag(token);

    /// <summary>What may come next, for the device.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="bans">Receives the end-of-sequence tokens that may not.</param>
    public TokenRule RuleOf(RunningSequence sequence, TokenLists bans)
    {
        int budget = Budget(sequence);
        foreach (int token in endOfSequence)
        {
            if (!Allows(sequence.Grounding, token, budget))
                bans.Add(token);
        }
        return grammar.RuleOf(sequence.Grounding, budget);
    }

    /// <summary>The only token that may come next, or null where there is a choice.</summary>
    public int? Forced(RunningSequence sequence) => grammar.Forced(sequence.Grounding, Budget(sequence));

    /// <summary>Whether everything is closed after a token.</summary>
    public bool IsClosedAfter(RunningSequence sequence, int token) => grammar.After(sequence.Grounding, token).Cost == 0;

    /// <summary>
    /// Forbids what may not come next. Where processors have left nothing that may, the model's own scores decide among it: the grammar is
    /// stronger than they are.
    /// </summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="raw">[vocabulary] the scores before all processors.</param>
    /// <param name="scores">[vocabulary] the scores after them.</param>
    public void Process(RunningSequence sequence, ReadOnlySpan<float> raw, Span<float> scores)
    {
        if (Forbid(sequence, scores))
            return;
        raw.CopyTo(scores);
        if (Forbid(sequence, scores))
            return;
        int budget = Budget(sequence);
        for (int token = 0; token < scores.Length; token++)
            scores[token] = Allows(sequence.Grounding, token, budget) ? 0 : float.NegativeInfinity;
    }

    /// <returns>Whether anything is left. The least finite number is what remove_invalid_values makes of a forbidden token.</returns>
    private bool Forbid(RunningSequence sequence, Span<float> scores)
    {
        GroundingState state = sequence.Grounding;
        int budget = Budget(sequence);
        bool any = false;
        for (int token = 0; token < scores.Length; token++)
        {
            if (scores[token] > float.MinValue && Allows(state, token, budget))
                any = true;
            else
                scores[token] = float.NegativeInfinity;
        }
        return any;
    }

    private bool Allows(GroundingState state, int token, int budget) =>
        grammar.Allows(state, token, endOfSequence.AsSpan().Contains(token) ? Math.Min(budget, 1) : budget);

    /// <summary>
    /// Tokens that may still come. A sequence that is to end has as many as closing takes; so has one whose prompt left more open than the
    /// limit has room for: it goes the shortest way as far as it gets.
    /// </summary>
    private int Budget(RunningSequence sequence)
    {
        int cost = sequence.Grounding.Cost;
        int left = sequence.MaxLength - sequence.Length;
        return Math.Max(sequence.Closing is null ? forcesEnd ? left - 1 : left : 0, Math.Max(cost, 1));
    }
}
