using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>What the model itself thought of a token of a phrase or a box, before any processor.</summary>
/// <param name="Probability">
/// A phrase's token: its probability. A patch: its share among the patches that can be that corner (<see cref="PatchDistribution"/>).
/// </param>
/// <param name="Patches">A patch: where the corner may be.</param>
internal sealed record TokenEvidence(double Probability, PatchDistribution? Patches)
{
    /// <summary>What must be known of the token that comes next for its evidence.</summary>
    public static TokenReading ReadingAt(GroundingState state) => state.Place switch
    {
        GroundingPlace.EmptyPhrase or GroundingPlace.Phrase => TokenReading.Probability,
        GroundingPlace.UpperLeft or GroundingPlace.LowerRight => TokenReading.Grid,
        _ => TokenReading.None,
    };

    /// <summary>The evidence for a token that the device chose; null where the token belongs neither to a phrase's text nor to a box.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="state">Before the token.</param>
    /// <param name="token">The token.</param>
    /// <param name="told">What <see cref="ReadingAt"/> asks for: its probability, or the patches' logits.</param>
    public static TokenEvidence? OfTold(GroundingGrammar grammar, GroundingState state, int token, ReadOnlySpan<float> told) => grammar.KindOf(token) switch
    {
        TokenKind.Word or TokenKind.Space when ReadingAt(state) == TokenReading.Probability => OfText(told[0]),
        TokenKind.Patch when ReadingAt(state) == TokenReading.Grid => OfCorner(grammar, state, token, told),
        _ => null,
    };

    /// <summary>As <see cref="OfTold"/>, for a token chosen from a row of scores.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="state">Before the token.</param>
    /// <param name="token">The token.</param>
    /// <param name="raw">[vocabulary] logits or log probabilities before all processors.</param>
    public static TokenEvidence? Of(GroundingGrammar grammar, GroundingState state, int token, ReadOnlySpan<float> raw) => grammar.KindOf(token) switch
    {
        TokenKind.Word or TokenKind.Space when ReadingAt(state) == TokenReading.Probability => OfText(Softmax.ProbabilityOf(raw, token)),
        TokenKind.Patch when ReadingAt(state) == TokenReading.Grid => OfCorner(grammar, state, token, raw.Slice(grammar.FirstPatch, grammar.PatchCount)),
        _ => null,
    };

    /// <summary>The evidence for the only token that could come.</summary>
    public static TokenEvidence? OfForced(GroundingGrammar grammar, int token) => grammar.KindOf(token) == TokenKind.Patch
        ? new TokenEvidence(1, PatchDistribution.Certain(grammar, token - grammar.FirstPatch))
        : null;

    private static TokenEvidence? OfText(double probability) => double.IsNaN(probability) ? null : new TokenEvidence(probability, null);

    private static TokenEvidence? OfCorner(GroundingGrammar grammar, GroundingState state, int token, ReadOnlySpan<float> logits) =>
        PatchDistribution.Of(grammar, state, token - grammar.FirstPatch, logits, out double probability) is { } patches ? new TokenEvidence(probability, patches) : null;
}
