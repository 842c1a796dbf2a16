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
public sealed record GroundedEntity(string Name, TextSpan Span, TextSpan CodePoints, IReadOnlyList<Box> Boxes);
