namespace Kosmos2.Engine.Processing;

/// <summary>
/// Finds the groundings of a raw answer from left to right:
/// <code>
/// (&lt;phrase&gt; PHRASE &lt;/phrase&gt;)? &lt;object&gt; (PAIR &lt;/delimiter_of_multi_objects/&gt;)* PAIR &lt;/object&gt;       PAIR = &lt;patch_index_N&gt;&lt;patch_index_N&gt;
/// </code>
/// without spaces between tags, a PHRASE being one or more characters other than &lt;. It accepts what Hugging Face's regular expression accepts,
/// in time proportional to the text: after each tag there is one way to go on, so nothing is tried twice.
/// </summary>
internal ref struct EntityScanner(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private readonly List<(long UpperLeft, long LowerRight)> _pairs = [];
    private int _next;

    /// <summary>Where the phrase stands, without its tags; empty and at <c>&lt;object&gt;</c> if there is none.</summary>
    public TextSpan Phrase { get; private set; }

    /// <summary>The patch indices of the boxes.</summary>
    public readonly IReadOnlyList<(long UpperLeft, long LowerRight)> Pairs => _pairs;

    /// <summary>Goes to the next grounding.</summary>
    public bool MoveNext()
    {
        while (_text[_next..].IndexOf('<') is int found and >= 0)
        {
            int start = _next + found;
            if (TryPhrase(start, out TextSpan phrase, out int objectStart) && TryObject(objectStart, out int end))
                Phrase = phrase;
            else if (TryObject(start, out end))
                Phrase = new TextSpan(start, start);
            else
            {
                _next = start + 1;
                continue;
            }
            _next = end;
            return true;
        }
        return false;
    }

    private readonly bool TryPhrase(int at, out TextSpan phrase, out int end)
    {
        phrase = default;
        end = at;
        if (!TryTag(ref end, GroundingTags.Phrase))
            return false;
        int start = end;
        int length = _text[start..].IndexOf('<');
        end += length;
        phrase = new TextSpan(start, end);
        return length > 0 && TryTag(ref end, GroundingTags.PhraseEnd);
    }

    private readonly bool TryObject(int at, out int end)
    {
        _pairs.Clear();
        end = at;
        if (!TryTag(ref end, GroundingTags.Object))
            return false;
        do
        {
            if (!TryPatchIndex(ref end, out long upperLeft) || !TryPatchIndex(ref end, out long lowerRight))
                return false;
            _pairs.Add((upperLeft, lowerRight));
        }
        while (TryTag(ref end, GroundingTags.Delimiter));
        return TryTag(ref end, GroundingTags.ObjectEnd);
    }

    private readonly bool TryPatchIndex(ref int at, out long index)
    {
        index = 0;
        if (!TryTag(ref at, GroundingTags.PatchIndexStart))
            return false;
        int digits = PythonText.ReadInteger(_text[at..], out index);
        at += digits;
        return digits > 0 && TryTag(ref at, ">");
    }

    private readonly bool TryTag(ref int at, string tag)
    {
        if (!_text[at..].StartsWith(tag))
            return false;
        at += tag.Length;
        return true;
    }
}
