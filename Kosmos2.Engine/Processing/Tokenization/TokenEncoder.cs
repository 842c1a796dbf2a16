using System.Text;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Text to ids, in the tokenizers library's order: added tokens are cut out of the text as written; what lies between them is normalised, each
/// stretch by itself; added tokens that live in normalised text are cut out of that; the rest is split into words, each beginning with a
/// space's piece whether or not a space was there, and each word is written as pieces.
/// </summary>
internal sealed class TokenEncoder
{
    private readonly AddedTokenMatcher _written;
    private readonly AddedTokenMatcher _normalised;
    private readonly TextNormalizer _normalizer;
    private readonly Spacing _spacing;
    private readonly UnigramModel _unigram;

    public TokenEncoder(TokenizerModel model)
    {
        _normalizer = new TextNormalizer(Charsmap.Read(model));
        _spacing = model.Spacing;
        _unigram = new UnigramModel(model);
        AddedToken[] written = [.. model.Added.Where(token => !token.Normalized)];
        AddedToken[] normalised = [.. model.Added.Where(token => token.Normalized)];
        _written = new AddedTokenMatcher(written, Array.ConvertAll(written, token => Utf8Buffer.Encode(token.Content)));
        _normalised = new AddedTokenMatcher(normalised, Array.ConvertAll(normalised, token => Normalise(token.Content)));
    }

    /// <summary>Appends the ids of a text.</summary>
    public void Encode(ReadOnlySpan<char> text, IdBuffer ids)
    {
        using var buffer = new Utf8Buffer();
        using var lattice = new UnigramModel.Lattice();
        int at = 0;
        while (_written.TryFind(text, at, out AddedTokenMatch match))
        {
            EncodeStretch(text[at..match.Start], buffer, lattice, ids);
            ids.Add(match.Token.Id);
            at = match.End;
        }
        EncodeStretch(text[at..], buffer, lattice, ids);
    }

    private byte[] Normalise(string content)
    {
        using var buffer = new Utf8Buffer();
        _normalizer.Append(content, buffer);
        _spacing.Apply(buffer, 0);
        return buffer.Written.ToArray();
    }

    private void EncodeStretch(ReadOnlySpan<char> text, Utf8Buffer buffer, UnigramModel.Lattice lattice, IdBuffer ids)
    {
        if (text.IsEmpty)
            return;
        // The byte before each part is free for the space's piece that begins its first word: one is kept at the start for that, and
        // otherwise it is the last byte of the added token before.
        buffer.Length = 0;
        buffer.Append(Utf8Buffer.Meta);
        _normalizer.Append(text, buffer);
        _spacing.Apply(buffer, 1);
        Span<byte> bytes = buffer.Written;
        int at = 1;
        while (_normalised.TryFind(bytes, at, out AddedTokenMatch match))
        {
            EncodePart(bytes[(at - 1)..match.Start], lattice, ids);
            ids.Add(match.Token.Id);
            at = match.End;
        }
        EncodePart(bytes[(at - 1)..], lattice, ids);
    }

    /// <summary>Encodes text whose first byte is free.</summary>
    private void EncodePart(Span<byte> part, UnigramModel.Lattice lattice, IdBuffer ids)
    {
        if (!_spacing.SplitOnWhiteSpace)
        {
            EncodeWords(part, lattice, ids);
            return;
        }
        for (int at = 1; at < part.Length;)
        {
            int start = part.Length - Spacing.TrimStart(part[at..]).Length;
            at = start;
            while (at < part.Length && !IsWhiteSpace(part[at..], out int length))
                at += length;
            EncodeWords(part[(start - 1)..at], lattice, ids);
        }
    }

    private static bool IsWhiteSpace(ReadOnlySpan<byte> utf8, out int length)
    {
        Rune.DecodeFromUtf8(utf8, out Rune rune, out length);
        return Rune.IsWhiteSpace(rune);
    }

    /// <summary>Encodes text whose first byte is free, word by word; a space or a space's piece begins a word.</summary>
    private void EncodeWords(Span<byte> text, UnigramModel.Lattice lattice, IdBuffer ids)
    {
        if (text.Length < 2)
            return;
        for (int start = BeginsWord(text[1]) ? 1 : 0; start < text.Length;)
        {
            int length = text[(start + 1)..].IndexOfAny((byte)' ', Utf8Buffer.Meta) + 1;
            if (length == 0)
                length = text.Length - start;
            text[start] = Utf8Buffer.Meta;
            _unigram.Encode(text.Slice(start, length), lattice, ids);
            start += length;
        }

        static bool BeginsWord(byte first) => first is (byte)' ' or Utf8Buffer.Meta;
    }
}
