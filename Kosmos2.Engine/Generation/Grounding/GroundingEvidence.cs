using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// Sorts what the model thought of its tokens by the groundings that they form, in the order in which <see cref="GroundedText"/> finds them.
/// </summary>
internal static class GroundingEvidence
{
    private const double Overlap = 0.5;

    /// <summary>A grounding of the text: evidence for its phrase and its boxes; null where there is none, as in a prompt.</summary>
    private sealed record Grounding(bool HasPhrase, double? Phrase, List<BoxConfidence?> Boxes);

    /// <summary>The entities with what is known about them; as they are where text and tokens do not tell the same groundings.</summary>
    /// <param name="entities">The entities of prompt and answer.</param>
    /// <param name="tokens">Their tokens.</param>
    /// <param name="evidence">For the tokens from <paramref name="answerStart"/> on; null for none.</param>
    /// <param name="answerStart">Tokens of the prompt.</param>
    /// <param name="grammar">The grammar.</param>
    /// <param name="grid">The grid of the patches.</param>
    public static IReadOnlyList<GroundedEntity> Attach(
        IReadOnlyList<GroundedEntity> entities, ReadOnlySpan<int> tokens, IReadOnlyList<TokenEvidence?>? evidence, int answerStart, GroundingGrammar grammar,
        PatchGrid grid)
    {
        if (evidence is null || entities.Count == 0)
            return entities;
        var known = new List<GroundedEntity>();
        foreach (Grounding grounding in Groundings(tokens, evidence, answerStart, grammar, grid))
        {
            // A box without a phrase is an entity of its own.
            int count = grounding.HasPhrase ? 1 : grounding.Boxes.Count;
            for (int i = 0; i < count; i++)
            {
                if (known.Count == entities.Count)
                    return entities;
                List<BoxConfidence?> boxes = grounding.HasPhrase ? grounding.Boxes : [grounding.Boxes[i]];
                if (entities[known.Count].Boxes.Count != boxes.Count)
                    return entities;
                known.Add(entities[known.Count] with
                {
                    PhraseProbability = grounding.Phrase,
                    BoxConfidences = boxes.Contains(null) ? null : [.. boxes.Select(box => box!)],
                });
            }
        }
        return known.Count == entities.Count ? known : entities;
    }

    private static List<Grounding> Groundings(
        ReadOnlySpan<int> tokens, IReadOnlyList<TokenEvidence?> evidence, int answerStart, GroundingGrammar grammar, PatchGrid grid)
    {
        var found = new List<Grounding>();
        var words = new List<double?>();
        var corners = new List<(int Patch, TokenEvidence? Evidence)>();
        bool phraseBefore = false;
        GroundingState state = default;
        for (int i = 0; i < tokens.Length; i++)
        {
            TokenEvidence? of = i < answerStart ? null : evidence[i - answerStart];
            TokenKind kind = grammar.KindOf(tokens[i]);
            switch (kind)
            {
                case TokenKind.Image:
                    found.Clear(); // only what follows the last picture is read
                    break;
                case TokenKind.Phrase:
                    words.Clear();
                    break;
                case TokenKind.Object:
                    corners.Clear();
                    break;
                case TokenKind.Word or TokenKind.Space when state.Place is GroundingPlace.EmptyPhrase or GroundingPlace.Phrase:
                    words.Add(of?.Probability);
                    break;
                case TokenKind.Patch when state.Place is GroundingPlace.UpperLeft or GroundingPlace.LowerRight:
                    corners.Add((tokens[i] - grammar.FirstPatch, of));
                    break;
                case TokenKind.ObjectEnd when state.Place == GroundingPlace.Pair:
                    found.Add(new Grounding(phraseBefore, phraseBefore ? GeometricMean(words) : null, [.. corners.Chunk(2).Select(pair => Box(pair, grid))]));
                    break;
            }
            if (kind is not (TokenKind.Object or TokenKind.Patch or TokenKind.Delimiter))
                phraseBefore = kind == TokenKind.PhraseEnd && state.Place == GroundingPlace.Phrase;
            state = grammar.After(state, tokens[i]);
        }
        return found;
    }

    private static double? GeometricMean(List<double?> probabilities) =>
        probabilities.Count == 0 || probabilities.Contains(null) ? null : Math.Exp(probabilities.Average(p => Math.Log(p!.Value)));

    private static BoxConfidence? Box((int Patch, TokenEvidence? Evidence)[] pair, PatchGrid grid)
    {
        if (pair is not [(var upperLeft, { Patches: { } first } a), (var lowerRight, { Patches: { } second } b)])
            return null;
        Box chosen = grid.ToBox(upperLeft, lowerRight);
        double score = 0, total = 0;
        foreach ((int from, double p) in first.Likely)
        {
            foreach ((int to, double q) in second.Likely)
            {
                total += p * q;
                if (grid.ToBox(from, to).IntersectionOverUnion(chosen) >= Overlap)
                    score += p * q;
            }
        }
        double half = 0.5, side = grid.Side;
        var expected = new Box((first.Column + half) / side, (first.Row + half) / side, (second.Column + half) / side, (second.Row + half) / side);
        return new BoxConfidence(a.Probability * b.Probability, total > 0 ? score / total : 0, expected);
    }
}
