using System.Text.Json;

namespace Kosmos2.Engine.Validation;

/// <summary>A line of a cases.jsonl: a picture, a prompt, and what Hugging Face answered.</summary>
/// <param name="Key">Name in the golden file, or null.</param>
/// <param name="Image">File name of the picture.</param>
/// <param name="Task">The task.</param>
/// <param name="Prompt">The prompt.</param>
/// <param name="NewTokens">The generated ids.</param>
/// <param name="SmallestLead">The least lead of a generated token over the second; the largest number where the file does not say.</param>
/// <param name="Caption">The answer's text, tags removed.</param>
/// <param name="Entities">The entities as compact JSON: [name, [start, end], [boxes]].</param>
/// <param name="Score">1 when the reference's answer is right by the task's rule; null where the file does not say.</param>
internal sealed record ShapesCase(
    string? Key, string Image, string Task, string Prompt, int[] NewTokens, double SmallestLead, string Caption, string Entities, double? Score)
{
    /// <summary>Reads one line.</summary>
    public static ShapesCase Parse(JsonElement line)
    {
        int[] tokens = line.TryGetProperty("new_tokens", out JsonElement listed)
            ? listed.Ints()
            : line.Field("sequence").Ints()[line.Field("input_ids").GetArrayLength()..];
        return new ShapesCase(
            line.TryGetProperty("key", out JsonElement key) ? key.GetString() : null,
            line.Text("image"),
            line.Text("task"),
            line.Text("prompt"),
            tokens,
            line.TryGetProperty("smallest_lead", out JsonElement lead) ? lead.GetDouble() : double.MaxValue,
            line.Text("caption"),
            JsonSerializer.Serialize(line.Field("entities")),
            line.TryGetProperty("score", out JsonElement score) ? score.GetDouble() : null);
    }

    /// <summary>The picture: beside the cases, or in their images folder.</summary>
    public string PicturePath(string folder)
    {
        string beside = Path.Combine(folder, Path.GetFileName(Image));
        return File.Exists(beside) ? beside : Path.Combine(folder, "images", Path.GetFileName(Image));
    }
}
