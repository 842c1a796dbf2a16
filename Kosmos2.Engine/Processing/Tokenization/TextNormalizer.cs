using System.Globalization;
using System.Text;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Rewrites text by a <see cref="Charsmap"/>, as the tokenizers library's Precompiled step does: grapheme cluster by grapheme cluster. A
/// cluster of fewer than six UTF-8 bytes is replaced as a whole when any beginning of it has a replacement (and the rest of it is lost);
/// otherwise its characters are replaced one by one. Half a surrogate pair becomes U+FFFD.
/// </summary>
internal sealed class TextNormalizer
{
    private const int MaxClusterBytes = 5;

    private readonly Charsmap _charsmap;

    /// <summary>Whether no printable ASCII character is rewritten, so that runs of them can be copied.</summary>
    private readonly bool _asciiIsPlain;

    public TextNormalizer(Charsmap charsmap)
    {
        _charsmap = charsmap;
        _asciiIsPlain = true;
        for (byte c = (byte)' '; c <= '~'; c++)
            _asciiIsPlain &= !charsmap.TryFind([c], out _);
    }

    /// <summary>Appends the normalised text.</summary>
    public void Append(ReadOnlySpan<char> text, Utf8Buffer output)
    {
        while (!text.IsEmpty)
        {
            int plain = _asciiIsPlain ? PlainPrefix(text) : 0;
            Span<byte> room = output.Reserve(plain);
            Encoding.ASCII.GetBytes(text[..plain], room);
            output.Length += plain;
            text = text[plain..];
            if (text.IsEmpty)
                return;
            int length = ClusterLength(text);
            AppendCluster(text[..length], output);
            text = text[length..];
        }
    }

    /// <summary>Printable ASCII at the start; without its last character where something follows that may belong to that character's cluster.</summary>
    private static int PlainPrefix(ReadOnlySpan<char> text)
    {
        int length = text.IndexOfAnyExceptInRange(' ', '~');
        if (length < 0)
            return text.Length;
        return length > 0 && !StandsAlone(text[length]) ? length - 1 : length;
    }

    /// <summary>UTF-16 units of the first grapheme cluster.</summary>
    private static int ClusterLength(ReadOnlySpan<char> text)
    {
        if (text.Length == 1)
            return 1;
        if (StandsAlone(text[0]) && StandsAlone(text[1]))
            return text[0] == '\r' && text[1] == '\n' ? 2 : 1;
        return StringInfo.GetNextTextElementLength(text);
    }

    /// <summary>
    /// Characters that never share a cluster with one another (but for carriage return and line feed): no marks, joiners, prepended signs or
    /// halves of anything. Only a shortcut past the whole rules, for scripts that text is mostly made of.
    /// </summary>
    private static bool StandsAlone(char c) => c is < '\u0300'
        or (>= '\u0370' and <= '\u0482') or (>= '\u048A' and <= '\u058F') // Greek, Cyrillic, Armenian
        or (>= '\u2010' and <= '\u2027') or (>= '\u3041' and <= '\u3096') or (>= '\u30A0' and <= '\u30FF') // punctuation, kana
        or (>= '\u4E00' and <= '\u9FFF') or (>= '\uAC00' and <= '\uD7A3'); // Han, Hangul syllables

    private void AppendCluster(ReadOnlySpan<char> cluster, Utf8Buffer output)
    {
        Span<byte> utf8 = stackalloc byte[MaxClusterBytes];
        if (cluster.Length <= MaxClusterBytes && TryEncode(cluster, utf8, out int length) && _charsmap.TryFind(utf8[..length], out var replacement))
        {
            AppendReplacement(replacement, output);
            return;
        }
        foreach (Rune rune in cluster.EnumerateRunes())
        {
            int bytes = rune.EncodeToUtf8(utf8);
            if (_charsmap.TryFind(utf8[..bytes], out replacement))
                AppendReplacement(replacement, output);
            else
                output.Append(rune);
        }
    }

    private static bool TryEncode(ReadOnlySpan<char> cluster, Span<byte> utf8, out int length)
    {
        length = 0;
        foreach (Rune rune in cluster.EnumerateRunes())
        {
            if (!rune.TryEncodeToUtf8(utf8[length..], out int written))
                return false;
            length += written;
        }
        return true;
    }

    private static void AppendReplacement(ReadOnlySpan<byte> replacement, Utf8Buffer output)
    {
        for (int at = replacement.IndexOf(MetaUtf8); at >= 0; at = replacement.IndexOf(MetaUtf8))
        {
            output.Append(replacement[..at]);
            output.Append(Utf8Buffer.Meta);
            replacement = replacement[(at + MetaUtf8.Length)..];
        }
        output.Append(replacement);
    }

    private static ReadOnlySpan<byte> MetaUtf8 => "\u2581"u8;
}
