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
            AppendObject(result, boxes[i], grid, checkRange, space: " ");
        }
        return result.Append(text, at, text.Length - at).ToString();
    }

    /// <summary>Writes a phrase's boxes; nothing when there are none.</summary>
    /// <exception cref="ArgumentException">A box is refused.</exception>
    public static void AppendObject(StringBuilder text, IReadOnlyList<PhraseBox>? boxes, PatchGrid grid, bool checkRange = true, string space = "")
    {
        if (boxes is not { Count: > 0 })
            return;
        text.Append(GroundingTags.Object).Append(space);
        for (int i = 0; i < boxes.Count; i++)
        {
            (int upperLeft, int lowerRight) = boxes[i].ToIndices(grid, checkRange);
            text.Append(i == 0 ? "" : $"{GroundingTags.Delimiter}{space}").Append(PatchGrid.TokenOf(upperLeft)).Append(space).Append(PatchGrid.TokenOf(lowerRight)).Append(space);
        }
        text.Append(GroundingTags.ObjectEnd);
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
