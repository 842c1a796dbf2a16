namespace Kosmos2.Engine.Generation;

/// <summary>What the model itself thought of a token of a phrase or a box, before any processor.</summary>
/// <param name="Probability">
/// A phrase's token: its probability. A patch: its share among the patches that can be that corner (<see cref="PatchDistribution"/>).
/// </param>
/// <param name="Patches">A patch: where the corner may be.</param>
internal sealed record TokenEvidence(double Probability, PatchDistribution? Patches)
{
    /// <summary>The evidence for a token that was chosen; null where the token belongs neither to a phrase's text nor to a box.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="state">Before the token.</param>
    /// <param name="token">The token.</param>
    /// <param name="raw">[vocabulary] logits or log probabilities before all processors.</param>
    public static TokenEvidence? Of(GroundingGrammar grammar, GroundingState state, int token, ReadOnlySpan<float> raw)
    {
        switch (state.Place)
        {
            case GroundingPlace.EmptyPhrase or GroundingPlace.Phrase when grammar.KindOf(token) is TokenKind.Word or TokenKind.Space:
                double probability = Softmax.ProbabilityOf(raw, token);
                return double.IsNaN(probability) ? null : new TokenEvidence(probability, null);
            case GroundingPlace.UpperLeft or GroundingPlace.LowerRight when grammar.KindOf(token) == TokenKind.Patch:
                return PatchDistribution.Of(grammar, state, token - grammar.FirstPatch, raw, out probability) is { } patches
                    ? new TokenEvidence(probability, patches)
                    : null;
            default:
                return null;
        }
    }

    /// <summary>The evidence for the only token that could come.</summary>
    public static TokenEvidence? OfForced(GroundingGrammar grammar, int token) => grammar.KindOf(token) == TokenKind.Patch
        ? new TokenEvidence(1, PatchDistribution.Certain(grammar, token - grammar.FirstPatch))
        : null;
}
