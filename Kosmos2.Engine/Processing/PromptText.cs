using System.Text;

namespace Kosmos2.Engine.Processing;

/// <summary>Writes an example's text as it is tokenized.</summary>
internal static class PromptText
{
    /// <summary>Writes boxes behind their phrases.</summary>
    /// <exception cref="ArgumentException">There are not as many entries as phrases, or a box is refused.</exception>
    public static string WithBoxes(string text, IReadOnlyList<IReadOnlyList<PhraseBox>?>? boxes, PatchGrid grid, bool checkRange)
    {
        if (boxes is null || boxes.Count == 0)
            return text;
        List<int> ends = PhraseEnds(text);
        if (ends.Count != boxes.Count)
            throw new ArgumentException($"the text has {ends.Count} <phrase>...</phrase> pairs and there are boxes for {boxes.Count}: an entry is needed for each pair, null for a phrase without boxes");
        var result = new StringBuilder();
        int at = 0;
        for (int i = 0; i < boxes.Count; i++)
        {
            result.Append(text, at, ends[i] - at);
            at = ends[i];
            // The tags swallow the spaces between them; they matter only to patches that are no tags.
            if (boxes[i] is { Count: > 0 } phrase)
                result.Append($"{GroundingTags.Object} ").AppendJoin($" {GroundingTags.Delimiter} ", phrase.Select(Patches)).Append($" {GroundingTags.ObjectEnd}");
        }
        return result.Append(text, at, text.Length - at).ToString();

        string Patches(PhraseBox box)
        {
            (int upperLeft, int lowerRight) = box.ToIndices(grid, checkRange);
            return $"{PatchGrid.TokenOf(upperLeft)} {PatchGrid.TokenOf(lowerRight)}";
        }
    }

    /// <summary>
    /// Where the phrases end: what <c>&lt;phrase&gt;.+?&lt;/phrase&gt;</c> matches, a phrase being at least one character and within a line. In time
    /// proportional to the text.
    /// </summary>
    private static List<int> PhraseEnds(string text)
    {
        var ends = new List<int>();
        for (int at = 0; text.IndexOf(GroundingTags.Phrase, at, StringComparison.Ordinal) is var start && start >= 0;)
        {
            int phrase = start + GroundingTags.Phrase.Length;
            int end = phrase < text.Length ? text.IndexOf(GroundingTags.PhraseEnd, phrase + 1, StringComparison.Ordinal) : -1;
            if (end < 0)
                break;
            // Had a phrase begun later in this line, its end would be no nearer: go on behind the line.
            int line = text.IndexOf('\n', phrase, end - phrase);
            at = line >= 0 ? line : end + GroundingTags.PhraseEnd.Length;
            if (line < 0)
                ends.Add(at);
        }
        return ends;
    }
}
