using System.Globalization;
using System.Text;

namespace Kosmos2.Engine.Processing;

/// <summary>The few places where Python's idea of text differs from .NET's, and Hugging Face's results depend on it.</summary>
internal static class PythonText
{
    /// <summary>str.isspace: .NET's white space and the four separators U+001C to U+001F.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    /// <summary>str.strip().</summary>
    public static ReadOnlySpan<char> Strip(ReadOnlySpan<char> text) => text[LeadingSpaces(text)..^TrailingSpaces(text)];

    /// <summary>How many characters strip() takes from the left; all of a text of spaces.</summary>
    public static int LeadingSpaces(ReadOnlySpan<char> text)
    {
        int count = 0;
        while (count < text.Length && IsSpace(text[count]))
            count++;
        return count;
    }

    /// <summary>How many characters strip() takes from the right, after it has taken those on the left.</summary>
    public static int TrailingSpaces(ReadOnlySpan<char> text)
    {
        int first = LeadingSpaces(text);
        int count = 0;
        while (text.Length - count > first && IsSpace(text[^(count + 1)]))
            count++;
        return count;
    }

    /// <summary>len(): code points; a lone surrogate is one.</summary>
    public static int CodePoints(ReadOnlySpan<char> text)
    {
        int count = text.Length;
        for (int i = 1; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i - 1], text[i]))
                count--;
        }
        return count;
    }

    /// <summary>
    /// Reads one or more decimal digits of any script, as <c>\d+</c> and int() do.
    /// </summary>
    /// <returns>How many chars were read; 0 if there is no digit, or the number is beyond a long.</returns>
    public static int ReadInteger(ReadOnlySpan<char> text, out long value)
    {
        value = 0;
        int length = 0;
        while (Rune.DecodeFromUtf16(text[length..], out Rune rune, out int consumed) == System.Buffers.OperationStatus.Done
            && Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber)
        {
            long digit = (long)Rune.GetNumericValue(rune);
            if (value > (long.MaxValue - digit) / 10)
                return 0;
            value = (value * 10) + digit;
            length += consumed;
        }
        return length;
    }
}
