namespace Kosmos2.Engine.Generation;

/// <summary>What a token means to the grounding grammar.</summary>
internal enum TokenKind : byte
{
    /// <summary>Text that shows: it has a character other than white space, and no &lt;.</summary>
    Word,

    /// <summary>White space.</summary>
    Space,

    /// <summary>Nothing: a special token, which decoding leaves out, or an id without a token.</summary>
    Silent,

    /// <summary>Text with a &lt;, or a tag that opens and closes nothing.</summary>
    Angled,

    /// <summary><c>&lt;image&gt;</c> or <c>&lt;/image&gt;</c>, before which an answer's text is thrown away.</summary>
    Image,

    /// <summary><c>&lt;phrase&gt;</c>.</summary>
    Phrase,

    /// <summary><c>&lt;/phrase&gt;</c>.</summary>
    PhraseEnd,

    /// <summary><c>&lt;object&gt;</c>.</summary>
    Object,

    /// <summary><c>&lt;/object&gt;</c>.</summary>
    ObjectEnd,

    /// <summary><c>&lt;/delimiter_of_multi_objects/&gt;</c>.</summary>
    Delimiter,

    /// <summary>A patch index.</summary>
    Patch,
}
