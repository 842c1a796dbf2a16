using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>Reads generation.json: settings, and what Hugging Face generated with them.</summary>
internal static class GenerationCases
{
    /// <summary>Reads a file's cases.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="ConfigurationException">The file is not of this form.</exception>
    public static IReadOnlyList<GenerationCase> Read(string path)
    {
        JsonFields file = JsonFields.Read(path);
        return [.. Items(file, "cases").Select((item, i) => ReadCase(Nested(path, $"case {i}", item)))];
    }

    private static GenerationCase ReadCase(JsonFields fields)
    {
        string name = fields.Text("name", "unnamed");
        if (fields.Find("settings") is not { ValueKind: JsonValueKind.Object } settings)
            throw fields.Error("settings", "is missing or no object");
        if (settings.TryGetProperty("max_length", out JsonElement length) && !IsInteger(length))
            throw fields.Error("settings", $"has the max_length {JsonFields.Show(length)}; it must be an integer");
        GenerationCaseRow[] rows = [.. Items(fields, "rows").Select((item, i) => ReadRow(Nested(fields.FilePath, $"row {i}", item)))];
        return new GenerationCase(name, JsonObject.Create(settings)!, rows);
    }

    private static GenerationCaseRow ReadRow(JsonFields fields)
    {
        int[][] tokens = [.. Items(fields, "new_tokens").Select(list => ReadTokens(fields, list))];
        float? margin = fields.Find("smallest_margin") is null ? null : (float)fields.Double("smallest_margin", 0, 0, double.MaxValue);
        return new GenerationCaseRow(tokens, ReadScores(fields, "sequences_scores"), ReadScores(fields, "chosen_scores"), margin);
    }

    private static int[] ReadTokens(JsonFields fields, JsonElement list) =>
        list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(IsInteger)
            ? [.. list.EnumerateArray().Select(t => t.GetInt32())]
            : throw fields.Error("new_tokens", "must be a list of lists of token ids");

    private static float[]? ReadScores(JsonFields fields, string name)
    {
        if (fields.Find(name) is null)
            return null;
        return [.. Items(fields, name).Select(s => s.ValueKind == JsonValueKind.Number && s.TryGetSingle(out float score)
            ? score
            : throw fields.Error(name, "must be a list of numbers"))];
    }

    private static bool IsInteger(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _);

    private static JsonElement[] Items(JsonFields fields, string name) => fields.Find(name) is { ValueKind: JsonValueKind.Array } list
        ? [.. list.EnumerateArray()]
        : throw fields.Error(name, "is missing or no list");

    private static JsonFields Nested(string path, string what, JsonElement item) =>
        JsonFields.Parse($"{path}: {what}", Encoding.UTF8.GetBytes(item.GetRawText()));
}
