using System.Collections.Immutable;
using System.Text;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine;

/// <summary>
/// A prompt put together from pieces: words, phrases with their boxes, pictures. Tags are written here and nowhere else, so what a user typed
/// can neither close a phrase nor name a box. Immutable: each method returns a longer prompt, and a beginning can be shared.
/// <code>
/// new Prompt().Grounded().Text("Question: Where is").Phrase("the fire", new Box(0.17, 0.02, 0.48, 0.89)).Text("next to? Answer:")
/// </code>
/// </summary>
public sealed class Prompt
{
    private static readonly string[] s_tags =
    [
        .. GroundingTags.All, GroundingTags.PatchIndexStart,
        TokenizerModel.Bos, TokenizerModel.Eos, TokenizerModel.Pad, TokenizerModel.Unknown, TokenizerModel.Mask,
    ];

    private readonly ImmutableArray<Piece> _pieces;

    /// <summary>A prompt without pieces.</summary>
    public Prompt()
        : this([])
    {
    }

    private Prompt(ImmutableArray<Piece> pieces) => _pieces = pieces;

    /// <summary>The pictures, in the order of the prompt.</summary>
    public IEnumerable<RgbImage> Images => _pieces.Where(piece => piece.Image is not null).Select(piece => piece.Image!);

    internal bool IsEmpty => _pieces.IsEmpty;

    /// <summary>Words alone.</summary>
    /// <param name="text">As for <see cref="Text"/>.</param>
    /// <exception cref="ArgumentException">The text is empty or holds a tag.</exception>
    public static implicit operator Prompt(string text) => new Prompt().Text(text);

    /// <summary>A text with boxes behind one of its phrases.</summary>
    /// <param name="text">As in <c>Where is the fire next to?</c></param>
    /// <param name="phrase">Words of the text, as in <c>the fire</c>; where they stand more than once, the first are meant.</param>
    /// <param name="boxes">The phrase's boxes.</param>
    /// <exception cref="ArgumentException">The phrase is not in the text, or either is empty or holds a tag.</exception>
    public static Prompt WithBoxes(string text, string phrase, params ReadOnlySpan<PhraseBox> boxes)
    {
        (string before, string words, string after) = Split(text, phrase);
        Prompt prompt = string.IsNullOrWhiteSpace(before) ? new Prompt() : before;
        prompt = prompt.Phrase(words, boxes);
        return string.IsNullOrWhiteSpace(after) ? prompt : prompt.Text(after);
    }

    /// <summary>Adds words. Pieces stand apart as words do, whether the text begins with a space or not.</summary>
    /// <param name="text">The words. White space at the ends does not count.</param>
    /// <exception cref="ArgumentException">The text is empty, or holds a tag such as <c>&lt;phrase&gt;</c> or <c>&lt;/image&gt;</c>.</exception>
    public Prompt Text(string text) => Add(new Piece(Words(text, "a prompt's text"), IsTag: false));

    /// <summary>Adds <c>&lt;grounding&gt;</c>: the answer is to have boxes.</summary>
    public Prompt Grounded() => Add(new Piece(GroundingTags.Grounding));

    /// <summary>Adds a phrase, and the boxes that it refers to. At the end of a prompt a phrase without boxes asks for them.</summary>
    /// <param name="phrase">The words, as in <c>a red ring</c>.</param>
    /// <param name="boxes">None, one or several: boxes of the last picture before the phrase. <see cref="Box.FromPixels"/> takes pixels.</param>
    /// <exception cref="ArgumentException">The phrase is empty or holds a tag.</exception>
    public Prompt Phrase(string phrase, params ReadOnlySpan<PhraseBox> boxes) =>
        Add(new Piece($"{GroundingTags.Phrase} {Words(phrase, "a phrase")}{GroundingTags.PhraseEnd}", boxes.ToArray()));

    /// <summary>Adds a picture. Most prompts have one, at the beginning; more of them interleaved with text make a few-shot prompt.</summary>
    public Prompt Image(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Add(new Piece($"{GroundingTags.Image} {GroundingTags.ImageEnd}") { Image = image });
    }

    /// <summary>Adds text with tags in it, just as it is, but for pictures. For prompts that come ready made; never for what a user typed.</summary>
    /// <exception cref="ArgumentException">The text is null, or holds <c>&lt;image&gt;</c>.</exception>
    public Prompt Tagged(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Contains(GroundingTags.Image, StringComparison.Ordinal)
            ? throw new ArgumentException($"the text holds {GroundingTags.Image}; a picture is a piece of its own", nameof(text))
            : Add(new Piece(text, IsTag: text.StartsWith('<')));
    }

    /// <summary>Adds another prompt's pieces.</summary>
    public Prompt Append(Prompt prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return new Prompt(_pieces.AddRange(prompt._pieces));
    }

    /// <summary>The text with its tags, as on a grid of 32 x 32 patches; each picture is <c>&lt;image&gt; &lt;/image&gt;</c>.</summary>
    /// <exception cref="ArgumentException">A box leaves the picture, or its corners are out of order.</exception>
    public override string ToString() => Write(PatchGrid.Default);

    /// <summary>The text with its tags.</summary>
    /// <param name="grid">The grid that boxes are written on.</param>
    /// <exception cref="ArgumentException">A box leaves the picture, or its corners are out of order.</exception>
    internal string Write(PatchGrid grid)
    {
        var text = new StringBuilder();
        foreach (Piece piece in _pieces)
        {
            if (!piece.IsTag && text.Length > 0)
                text.Append(' ');
            text.Append(piece.Text);
            PromptText.AppendObject(text, piece.Boxes, grid);
        }
        return text.ToString();
    }

    /// <summary>The text before a phrase, the phrase, and the text behind it.</summary>
    internal static (string Before, string Phrase, string After) Split(string text, string phrase)
    {
        phrase = Words(phrase, "a phrase");
        text = Words(text, "a prompt's text");
        int at = text.IndexOf(phrase, StringComparison.Ordinal);
        return at >= 0
            ? (text[..at], phrase, text[(at + phrase.Length)..])
            : throw new ArgumentException($"the phrase \"{phrase}\" is not in the text \"{text}\"", nameof(phrase));
    }

    private static string Words(string text, string what)
    {
        if (string.IsNullOrWhiteSpace(text))
            throw new ArgumentException($"{what} is empty", nameof(text));
        foreach (string tag in s_tags)
        {
            if (text.Contains(tag, StringComparison.Ordinal))
                throw new ArgumentException($"{what} holds the tag {tag}: text is given without tags; Phrase writes phrases and boxes, Image pictures", nameof(text));
        }
        return text.Trim();
    }

    private Prompt Add(Piece piece) => new(_pieces.Add(piece));

    /// <summary>A piece of a prompt.</summary>
    /// <param name="Text">As it is written.</param>
    /// <param name="Boxes">What stands behind it as an object; empty for none.</param>
    /// <param name="IsTag">Whether it begins with a tag, which stands next to what is before it.</param>
    private readonly record struct Piece(string Text, PhraseBox[]? Boxes = null, bool IsTag = true)
    {
        public RgbImage? Image { get; init; }
    }
}
