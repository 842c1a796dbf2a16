using System.Text;

namespace Kosmos2.Engine.Processing;

/// <summary>How white space is treated between normalisation and pieces.</summary>
/// <param name="StripRight">White space at the end is dropped.</param>
/// <param name="StripLeft">White space at the start is dropped.</param>
/// <param name="Collapse">What runs of two or more spaces become: a space's piece, a space, or null to leave them.</param>
/// <param name="SplitOnWhiteSpace">Words are cut at any white space first, so that no word is only a space.</param>
internal sealed record Spacing(bool StripRight, bool StripLeft, char? Collapse, bool SplitOnWhiteSpace)
{
    /// <summary>What Hugging Face makes of a SentencePiece model today.</summary>
    public static Spacing Converted { get; } = new(StripRight: true, StripLeft: false, TokenizerModel.Space, SplitOnWhiteSpace: false);

    /// <summary>Strips and collapses what the buffer holds from a place on.</summary>
    public void Apply(Utf8Buffer buffer, int from)
    {
        if (StripRight)
            buffer.Length = from + TrimEnd(buffer.Written[from..]).Length;
        if (StripLeft)
        {
            Span<byte> text = buffer.Written[from..];
            ReadOnlySpan<byte> trimmed = TrimStart(text);
            trimmed.CopyTo(text);
            buffer.Length = from + trimmed.Length;
        }
        if (Collapse is { } replacement)
        {
            byte single = replacement == TokenizerModel.Space ? Utf8Buffer.Meta : (byte)' ';
            buffer.Length = from + CollapseRuns(buffer.Written[from..], single);
        }
    }

    /// <summary>The text without white space at its start. U+2581 is none.</summary>
    public static ReadOnlySpan<byte> TrimStart(ReadOnlySpan<byte> utf8)
    {
        while (Rune.DecodeFromUtf8(utf8, out Rune rune, out int length) == System.Buffers.OperationStatus.Done && Rune.IsWhiteSpace(rune))
            utf8 = utf8[length..];
        return utf8;
    }

    /// <summary>The text without white space at its end. U+2581 is none.</summary>
    public static ReadOnlySpan<byte> TrimEnd(ReadOnlySpan<byte> utf8)
    {
        while (Rune.DecodeLastFromUtf8(utf8, out Rune rune, out int length) == System.Buffers.OperationStatus.Done && Rune.IsWhiteSpace(rune))
            utf8 = utf8[..^length];
        return utf8;
    }

    /// <summary>Replaces runs of two or more spaces by one byte, in place; returns the new length.</summary>
    private static int CollapseRuns(Span<byte> text, byte single)
    {
        int read = text.IndexOf("  "u8);
        if (read < 0)
            return text.Length;
        int written = read;
        while (read < text.Length)
        {
            int run = text[read..].IndexOfAnyExcept((byte)' ');
            int next = run < 0 ? text.Length : read + run;
            if (next - read >= 2)
                (text[written++], read) = (single, next);
            else
                text[written++] = text[read++];
        }
        return written;
    }
}
