namespace Kosmos2.Engine.Processing;

/// <summary>The prompts that KOSMOS-2 was trained and shown on, one a task. <c>&lt;grounding&gt;</c> asks for answers with boxes.</summary>
public static class Prompts
{
    /// <summary>A short caption without boxes.</summary>
    public const string Caption = "An image of";

    /// <summary>A short caption with boxes.</summary>
    public const string GroundedCaption = "<grounding>An image of";

    /// <summary>A long description with boxes.</summary>
    public const string GroundedDetail = "<grounding>Describe this image in detail:";

    /// <summary>Where something is: phrase grounding and referring expression comprehension. The answer begins with its boxes.</summary>
    /// <param name="phrase">What to find, as in <c>a snowman next to a fire</c>.</param>
    /// <exception cref="ArgumentException">The phrase is empty or holds a <c>&lt;phrase&gt;</c> tag.</exception>
    public static string Ground(string phrase)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(phrase);
        if (phrase.Contains(GroundingTags.Phrase, StringComparison.Ordinal) || phrase.Contains(GroundingTags.PhraseEnd, StringComparison.Ordinal))
            throw new ArgumentException("a phrase is given without its tags", nameof(phrase));
        return $"{GroundingTags.Grounding}{Phrase(phrase)}";
    }

    /// <summary>What is in a box: referring expression generation. The answer goes on after <c>It ... is</c>.</summary>
    /// <param name="box">The box, within the picture.</param>
    /// <param name="grid">The grid of the patch indices; 32 x 32 by default.</param>
    /// <exception cref="ArgumentException">The box's corners are out of order, or it leaves the picture.</exception>
    public static string Refer(PhraseBox box, PatchGrid? grid = null)
    {
        (int upperLeft, int lowerRight) = box.ToIndices(grid ?? PatchGrid.Default, checkRange: true);
        string patches = PatchGrid.TokenOf(upperLeft) + PatchGrid.TokenOf(lowerRight);
        return $"{GroundingTags.Grounding}{Phrase("It")}{GroundingTags.Object}{patches}{GroundingTags.ObjectEnd} is";
    }

    /// <summary>A question about the picture, answered without boxes.</summary>
    /// <param name="question">
    /// The question. It may refer to a box, as in <c>Where is&lt;phrase&gt; the fire&lt;/phrase&gt; next to?</c> with <see cref="ProcessorInput.Boxes"/>.
    /// </param>
    /// <exception cref="ArgumentException">The question is empty.</exception>
    public static string Ask(string question)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(question);
        return $"Question: {question.Trim()} Answer:";
    }

    /// <summary>A question about the picture, answered with boxes.</summary>
    /// <param name="question">As for <see cref="Ask"/>.</param>
    /// <exception cref="ArgumentException">The question is empty.</exception>
    public static string GroundedAsk(string question) => $"{GroundingTags.Grounding} {Ask(question)}";

    private static string Phrase(string phrase) => $"{GroundingTags.Phrase} {phrase.Trim()}{GroundingTags.PhraseEnd}";
}
