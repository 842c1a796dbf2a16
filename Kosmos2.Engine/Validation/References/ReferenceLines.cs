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

    /// <summary>A field.</summary>
    public static JsonElement Field(this JsonElement value, string name) =>
        value.TryGetProperty(name, out JsonElement field) ? field : throw new FormatException($"{name} is missing");

    /// <summary>A string field.</summary>
    public static string Text(this JsonElement value, string name) => value.Field(name) is { ValueKind: JsonValueKind.String } text
        ? text.GetString()!
        : throw new FormatException($"{name} is no string");

    private static T Parse<T>(string path, int line, string json, Func<JsonElement, T> parse)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return parse(document.RootElement.Clone());
        }
        catch (JsonException exception)
        {
            throw new Kosmos2FormatException(path, $"line {line} is no case: from byte {exception.BytePositionInLine} on it is not JSON", exception);
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException or IndexOutOfRangeException
            or ArgumentOutOfRangeException)
        {
            throw new Kosmos2FormatException(path, $"line {line} is no case: {exception.Message}", exception);
        }
    }
}
