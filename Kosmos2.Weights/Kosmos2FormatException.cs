using System.Globalization;
using System.Text;

namespace Kosmos2.Weights;

/// <summary>
/// A model file does not say what it should: damaged, hostile, or of a kind that is not supported. The message names the file first. Files
/// that are missing or unreadable raise the usual <see cref="IOException"/>s instead.
/// </summary>
public class Kosmos2FormatException : Exception
{
    /// <summary>Makes an exception about a file.</summary>
    /// <param name="filePath">The file at fault.</param>
    /// <param name="problem">What was found and what was expected, without the file's name.</param>
    /// <param name="innerException">The cause, or null.</param>
    public Kosmos2FormatException(string filePath, string problem, Exception? innerException = null)
        : base($"{filePath}: {problem}", innerException)
    {
        FilePath = filePath;
    }

    /// <summary>The file at fault.</summary>
    public string FilePath { get; }

    /// <summary>
    /// A name out of a file, fit to be shown: quoted, control characters escaped, cut at 120 characters, so that a hostile file can neither
    /// flood a terminal nor steer it.
    /// </summary>
    internal static string Quote(string? name)
    {
        if (name is null)
            return "null";
        const int Limit = 120;
        var text = new StringBuilder("'");
        foreach (char c in name.Length > Limit ? name.AsSpan(0, Limit) : name)
        {
            if (char.IsControl(c) || char.IsSurrogate(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format)
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                text.Append(c);
        }

        return text.Append(name.Length > Limit ? "...'" : "'").ToString();
    }
}
