namespace Kosmos2.Engine;

/// <summary>A stretch of text: [Start, End).</summary>
/// <param name="Start">First unit.</param>
/// <param name="End">One past the last unit.</param>
public readonly record struct TextSpan(int Start, int End)
{
    /// <summary>Number of units.</summary>
    public int Length => End - Start;
}

/// <summary>A phrase of an answer and where it is in the picture.</summary>
/// <param name="Name">The phrase, trimmed; <c>&lt;patch_index_3&gt;&lt;patch_index_4&gt;</c> for a box without a phrase, as in Hugging Face.</param>
/// <param name="Span">Where the phrase stands in the answer's text, in UTF-16 units (for <see cref="string.Substring(int, int)"/>).</param>
/// <param name="CodePoints">The same in Unicode code points, as Python counts.</param>
/// <param name="Boxes">One or more boxes, normalised.</param>
public sealed record GroundedEntity(string Name, TextSpan Span, TextSpan CodePoints, IReadOnlyList<Box> Boxes)
{
    /// <summary>Geometric mean of the probabilities of the phrase's tokens, 0 to 1; null where the prompt gave the phrase.</summary>
    public double? PhraseProbability { get; init; }

    /// <summary>For each box what the model thought of it; null where the prompt gave the boxes.</summary>
    public IReadOnlyList<BoxConfidence>? BoxConfidences { get; init; }

    /// <summary>The lowest of the boxes' scores: the model's own chance, 0 to 1, that all boxes are right. Null where the prompt gave the boxes.</summary>
    public double? Confidence => BoxConfidences is { Count: > 0 } boxes ? boxes.Min(box => box.Score) : null;
}
