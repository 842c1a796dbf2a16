using System.Buffers;
using System.Text;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>An added token found in text.</summary>
/// <param name="Token">The token.</param>
/// <param name="Start">Where it begins, with the white space that it takes along.</param>
/// <param name="End">One past its end, with the white space that it takes along.</param>
internal readonly record struct AddedTokenMatch(AddedToken Token, int Start, int End);

/// <summary>Finds added tokens in text: the leftmost, and of those that begin there the longest.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly AddedToken[] _tokens;
    private readonly PieceTrie _trie;
    private readonly SearchValues<byte> _firstBytes;
    private readonly SearchValues<char> _firstChars;

    /// <param name="tokens">The tokens.</param>
    /// <param name="contents">What to look for, for each token, as <see cref="Utf8Buffer"/> writes it.</param>
    public AddedTokenMatcher(AddedToken[] tokens, byte[][] contents)
    {
        _tokens = tokens;
        _trie = PieceTrie.Build(contents);
        _firstBytes = SearchValues.Create([.. contents.Where(content => content.Length > 0).Select(content => content[0])]);
        _firstChars = SearchValues.Create([.. tokens.Select(token => token.Content[0])]);
    }

    /// <summary>Finds the first token at or after a place in text as it was written.</summary>
    public bool TryFind(ReadOnlySpan<char> text, int from, out AddedTokenMatch match)
    {
        for (int at = from; text[at..].IndexOfAny(_firstChars) is var found && found >= 0; at++)
        {
            at += found;
            if (Longest(text[at..], out int length) is not { } token)
                continue;
            int start = at;
            int end = at + length;
            while (token.LStrip && start > from && char.IsWhiteSpace(text[start - 1]))
                start--;
            while (token.RStrip && end < text.Length && char.IsWhiteSpace(text[end]))
                end++;
            match = new AddedTokenMatch(token, start, end);
            return true;
        }
        match = default;
        return false;
    }

    /// <summary>Finds the first token at or after a place in normalised text.</summary>
    public bool TryFind(ReadOnlySpan<byte> text, int from, out AddedTokenMatch match)
    {
        for (int at = from; text[at..].IndexOfAny(_firstBytes) is var found && found >= 0; at++)
        {
            at += found;
            if (Longest(text[at..], out int length) is not { } token)
                continue;
            int start = token.LStrip ? from + Spacing.TrimEnd(text[from..at]).Length : at;
            int end = at + length;
            if (token.RStrip)
                end = text.Length - Spacing.TrimStart(text[end..]).Length;
            match = new AddedTokenMatch(token, start, end);
            return true;
        }
        match = default;
        return false;
    }

    private AddedToken? Longest(ReadOnlySpan<char> text, out int length)
    {
        AddedToken? longest = null;
        length = 0;
        int node = PieceTrie.Root;
        Span<byte> utf8 = stackalloc byte[4];
        for (int at = 0; at < text.Length && node >= 0;)
        {
            Rune.DecodeFromUtf16(text[at..], out Rune rune, out int units);
            at += units;
            if (rune.Value == TokenizerModel.Space)
            {
                node = _trie.Next(node, Utf8Buffer.Meta);
            }
            else
            {
                int bytes = rune.EncodeToUtf8(utf8);
                for (int i = 0; i < bytes && node >= 0; i++)
                    node = _trie.Next(node, utf8[i]);
            }
            if (node >= 0 && _trie.PieceAt(node) is var index && index >= 0)
                (longest, length) = (_tokens[index], at);
        }
        return longest;
    }

    private AddedToken? Longest(ReadOnlySpan<byte> text, out int length)
    {
        AddedToken? longest = null;
        length = 0;
        int node = PieceTrie.Root;
        for (int at = 0; at < text.Length && (node = _trie.Next(node, text[at++])) >= 0;)
        {
            if (_trie.PieceAt(node) is var index && index >= 0)
                (longest, length) = (_tokens[index], at);
        }
        return longest;
    }
}
