namespace Kosmos2.Imaging;

/// <summary>A label's text broken into at most two lines of a width, the second cut with an ellipsis, and the size of its background.</summary>
internal sealed record LabelText(IReadOnlyList<string> Lines, int Width, int Height, double Padding, double LineHeight)
{
    private const int MostLines = 2;

    /// <summary>Breaks a text between words, or inside a word that is too long by itself.</summary>
    /// <param name="text">One line; control characters become spaces.</param>
    /// <param name="font">The font.</param>
    /// <param name="wanted">Pixels that a line may have.</param>
    /// <param name="limit">Pixels that a line with its padding never exceeds (the picture's width).</param>
    public static LabelText Fit(string text, StrokeFont font, double wanted, double limit)
    {
        double padding = Math.Ceiling(font.Size * 0.25);
        double room = Math.Max(font.Size, Math.Min(wanted, limit) - (2 * padding));
        var lines = new List<string>();
        string rest = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        while (rest.Length > 0)
        {
            bool last = lines.Count == MostLines - 1;
            int length = Fitting(rest, font, room);
            if (length == rest.Length)
            {
                lines.Add(rest);
                break;
            }
            if (last)
            {
                lines.Add(rest[..Fitting(rest, font, room - font.Measure("…"))].TrimEnd() + "…");
                break;
            }
            int space = rest.LastIndexOf(' ', length);
            int end = space > 0 ? space : length;
            lines.Add(rest[..end].TrimEnd());
            rest = rest[end..].TrimStart();
        }
        double lineHeight = Math.Round(font.Size * 1.15);
        double height = font.CapHeight + Math.Ceiling(font.Depth * 0.8) + ((lines.Count - 1) * lineHeight) + (2 * padding);
        return new LabelText(lines, (int)Math.Ceiling(lines.Max(font.Measure) + (2 * padding)), (int)Math.Ceiling(height), padding, lineHeight);
    }

    // The longest beginning that fits, at least one character; a surrogate pair stays whole.
    private static int Fitting(string text, StrokeFont font, double room)
    {
        int length = text.Length;
        while (length > 1 && (font.Measure(text[..length]) > room || char.IsHighSurrogate(text[length - 1])))
            length--;
        return length;
    }
}
