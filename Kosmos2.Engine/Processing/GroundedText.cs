using System.Text;

namespace Kosmos2.Engine.Processing;

/// <summary>An answer of the model, taken apart: the text a person reads, and the phrases that are grounded in the picture.</summary>
/// <param name="Raw">The answer with its tags: what follows the last <c>&lt;/image&gt;</c>, untouched.</param>
/// <param name="Text">The answer without tags and without white space at its ends.</param>
/// <param name="Entities">The grounded phrases in the order of the text. A box without a phrase is an entity of its own.</param>
/// <remarks>
/// Equal to Hugging Face's Kosmos2Processor.post_process_generation, and like it unforgiving: tags that do not form a whole grounding are
/// dropped from the text and give no entity, and a literal &lt; takes the text up to the next &gt; of its line with it.
/// </remarks>
public sealed record GroundedText(string Raw, string Text, IReadOnlyList<GroundedEntity> Entities)
{
    /// <summary>Takes a decoded answer apart. Takes time proportional to its length, whatever it holds.</summary>
    /// <param name="generated">The decoded ids of prompt and answer, tags included.</param>
    /// <param name="grid">The grid of the patch indices; 32 x 32 by default.</param>
    public static GroundedText Parse(string generated, PatchGrid? grid = null)
    {
        ArgumentNullException.ThrowIfNull(generated);
        int imageEnd = generated.LastIndexOf(GroundingTags.ImageEnd, StringComparison.Ordinal);
        string raw = imageEnd < 0 ? generated : generated[(imageEnd + GroundingTags.ImageEnd.Length)..];

        List<TextSpan> tags = FindTags(raw);
        string text = Remove(tags, raw);
        // Only characters of the basic plane are white space: as many code points as UTF-16 units.
        int leading = PythonText.LeadingSpaces(text);
        text = PythonText.Strip(text).ToString();

        var entities = new List<GroundedEntity>();
        var offsets = new CleanOffsets(raw, tags);
        var scanner = new EntityScanner(raw);
        while (scanner.MoveNext())
            AddEntities(ref scanner, ref offsets);
        return new GroundedText(raw, text, entities);

        void AddEntities(ref EntityScanner scanner, ref CleanOffsets offsets)
        {
            ReadOnlySpan<char> phrase = raw.AsSpan()[scanner.Phrase.Start..scanner.Phrase.End];
            (int start, int startPoints) = offsets.Map(scanner.Phrase.Start);
            (int end, int endPoints) = offsets.Map(scanner.Phrase.End);
            int before = PythonText.LeadingSpaces(phrase);
            int after = phrase.Length == before ? before : PythonText.TrailingSpaces(phrase);
            var codePoints = new TextSpan(startPoints - leading + before, endPoints - leading - after);
            int spanStart = Math.Clamp(start - leading + before, 0, text.Length);
            var span = new TextSpan(spanStart, Math.Clamp(end - leading - after, spanStart, text.Length));

            Box[] boxes = [.. scanner.Pairs.Select(pair => (grid ?? PatchGrid.Default).ToBox(pair.UpperLeft, pair.LowerRight))];
            if (phrase.Length > 0)
            {
                entities.Add(new GroundedEntity(PythonText.Strip(phrase).ToString(), span, codePoints, boxes));
                return;
            }
            for (int i = 0; i < boxes.Length; i++)
            {
                string name = $"<patch_index_{scanner.Pairs[i].UpperLeft}><patch_index_{scanner.Pairs[i].LowerRight}>";
                entities.Add(new GroundedEntity(name, span, codePoints, [boxes[i]]));
            }
        }
    }

    /// <summary>The matches of <c>&lt;.*?&gt;</c>: from a &lt; to the next &gt; of the same line.</summary>
    private static List<TextSpan> FindTags(ReadOnlySpan<char> text)
    {
        var tags = new List<TextSpan>();
        for (int at = 0; text[at..].IndexOf('<') is int found and >= 0;)
        {
            int start = at + found;
            int length = text[start..].IndexOfAny('>', '\n');
            if (length < 0)
                break;
            at = start + length + 1;
            if (text[at - 1] == '>')
                tags.Add(new TextSpan(start, at));
        }
        return tags;
    }

    private static string Remove(List<TextSpan> tags, string text)
    {
        var kept = new StringBuilder(text.Length);
        int at = 0;
        foreach (TextSpan tag in tags)
        {
            kept.Append(text, at, tag.Start - at);
            at = tag.End;
        }
        return kept.Append(text, at, text.Length - at).ToString();
    }

    /// <summary>
    /// Maps positions of the raw text to those of the text without tags, in one walk: positions must not decrease. As in Hugging Face a
    /// position maps to the length of the prefix before it after removing that prefix's own tags.
    /// </summary>
    private ref struct CleanOffsets(ReadOnlySpan<char> raw, List<TextSpan> tags)
    {
        private readonly ReadOnlySpan<char> _raw = raw;
        private int _next;
        private int _at;
        private int _units;
        private int _points;

        public (int Units, int CodePoints) Map(int position)
        {
            for (; _next < tags.Count && tags[_next].End <= position; _next++)
            {
                _units += tags[_next].Start - _at;
                _points += PythonText.CodePoints(_raw[_at..tags[_next].Start]);
                _at = tags[_next].End;
            }
            return (_units + position - _at, _points + PythonText.CodePoints(_raw[_at..position]));
        }
    }
}
