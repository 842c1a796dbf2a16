using System.Text;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Decodes ids one at a time: the pieces of text that <see cref="Append"/> returns, put together, are what
/// <see cref="Kosmos2Tokenizer.Decode"/> gives for all of the ids, without a clean-up of spaces. One stream belongs to one sequence and is not for several threads.
/// </summary>
public sealed class TokenStream
{
    private readonly Kosmos2Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly StringBuilder _text = new();
    private bool _started;

    internal TokenStream(Kosmos2Tokenizer tokenizer, bool skipSpecialTokens)
    {
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
    }

    /// <summary>The text that an id adds, with the space before it; empty for an id that is left out.</summary>
    /// <param name="id">A token's id.</param>
    /// <exception cref="ArgumentOutOfRangeException">The id is negative.</exception>
    public string Append(int id)
    {
        _text.Clear();
        AppendTo(_text, id);
        return _text.ToString();
    }

    /// <summary>
    /// Appends an id's text. U+2581 becomes a space, but in the first token it vanishes: there it stands for the space that encoding put
    /// before the text.
    /// </summary>
    internal void AppendTo(StringBuilder output, int id)
    {
        if (_tokenizer.IdToToken(id) is not { } token || (_skipSpecialTokens && _tokenizer.IsSpecial(id)))
            return;
        bool first = !_started;
        _started = true;
        foreach (Range part in token.AsSpan().Split(TokenizerModel.Space))
        {
            if (part.Start.Value > 0 && !first)
                output.Append(' ');
            output.Append(token.AsSpan()[part]);
        }
    }
}
