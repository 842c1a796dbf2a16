using System.Text.Json;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>Reads reference files of one JSON object a line.</summary>
internal static class ReferenceLines
{
    private const long MaxFileLength = 1L << 28;

    /// <summary>Reads the cases of a file one by one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="parse">Makes a case of a line; what it throws for a field that is missing or of another kind is reported with the line.</param>
    /// <exception cref="Kosmos2FormatException">A line is no case.</exception>
    public static IEnumerable<(int Line, T Case)> Read<T>(string path, Func<JsonElement, T> parse)
    {
        if (new FileInfo(path).Length is var length && length > MaxFileLength)
            throw new Kosmos2FormatException(path, $"the file has {length} bytes; at most {MaxFileLength} are read");
        int line = 0;
        foreach (string json in File.ReadLines(path))
        {
            line++;
            if (!string.IsNullOrWhiteSpace(json))
                yield return (line, Parse(path, line, json, parse));
        }
    }

    /// <summary>An array of integers.</summary>
    public static int[] Ints(this JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetInt32())];

    /// <summary>A string field, which may not be null.</summary>
    public static string Text(this JsonElement value, string name) =>
        value.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");

    private static T Parse<T>(string path, int line, string json, Func<JsonElement, T> parse)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return parse(document.RootElement.Clone());
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException
            or ArgumentOutOfRangeException)
        {
            throw new Kosmos2FormatException(path, $"line {line} is no case: {exception.Message}", exception);
        }
    }
}
