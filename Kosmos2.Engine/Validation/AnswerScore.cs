using System.Text.Json;

namespace Kosmos2.Engine.Validation;

/// <summary>What is true of a case's picture.</summary>
/// <param name="Task">The case's task.</param>
/// <param name="Expected">The true answer's text.</param>
/// <param name="Things">Names and boxes of all things, in the order they are to be named in.</param>
/// <param name="Asked">The box asked for, or null.</param>
internal sealed record CaseTruth(string Task, string Expected, IReadOnlyList<(string Name, Box Box)> Things, Box? Asked)
{
    /// <summary>Reads it from a case's line; null where the line does not say.</summary>
    public static CaseTruth? Parse(JsonElement line)
    {
        if (!line.TryGetProperty("expected", out _) || !line.TryGetProperty("things", out JsonElement things))
            return null;
        return new CaseTruth(
            line.Text("task"),
            line.Text("expected"),
            [.. things.EnumerateArray().Select(thing => (thing.Text("name"), BoxOf(thing.Field("box"))))],
            line.TryGetProperty("box", out JsonElement box) ? BoxOf(box) : null);
    }

    private static Box BoxOf(JsonElement corners) => new(corners[0].GetDouble(), corners[1].GetDouble(), corners[2].GetDouble(), corners[3].GetDouble());
}

/// <summary>
/// Judges an answer by the truth, as tools/reference/eval_shapes.py does: names and every box at an intersection over union of at least 0.5 for
/// grounded answers, one such box where one is asked for, and the text itself otherwise.
/// </summary>
/// <param name="Right">Whether it is right.</param>
/// <param name="Overlaps">Intersection over union of each true box; 0 where the answer has none.</param>
internal readonly record struct AnswerScore(bool Right, IReadOnlyList<double> Overlaps)
{
    private const double Enough = 0.5;

    /// <summary>Judges an answer.</summary>
    public static AnswerScore Of(CaseTruth truth, GroundedAnswer answer)
    {
        if (truth.Asked is { } asked)
        {
            Box? box = answer.Entities.Count > 0 && answer.Entities[^1].Boxes.Count > 0 ? answer.Entities[^1].Boxes[0] : null;
            double overlap = box?.IntersectionOverUnion(asked) ?? 0;
            return new AnswerScore(overlap >= Enough, [overlap]);
        }
        if (truth.Task is "grounded-caption" or "grounded-detail")
            return OfThings(truth.Things, [.. answer.Entities.Where(e => e.Boxes.Count > 0)]);
        return new AnswerScore(Plain(answer.Answer) == Plain(truth.Expected), []);
    }

    private static AnswerScore OfThings(IReadOnlyList<(string Name, Box Box)> things, GroundedEntity[] found)
    {
        var overlaps = new double[things.Count];
        bool right = found.Length == things.Count;
        for (int i = 0; i < overlaps.Length; i++)
        {
            overlaps[i] = i < found.Length ? found[i].Boxes[0].IntersectionOverUnion(things[i].Box) : 0;
            right = right && found[i].Name == things[i].Name && overlaps[i] >= Enough;
        }
        return new AnswerScore(right, overlaps);
    }

    private static string Plain(string text) => text.Trim().TrimEnd('.');
}
