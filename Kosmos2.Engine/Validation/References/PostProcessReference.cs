using System.Globalization;
using System.Text.Json;
using Kosmos2.Engine.Processing;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>post_process.jsonl: decoded answers, taken apart into what follows the picture, the caption, and the entities.</summary>
internal sealed class PostProcessReference : IReferenceKind
{
    public bool Knows(string path) => Path.GetFileName(path) == "post_process.jsonl";

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        var tally = new Tally(context.NameOf(path));
        foreach ((int line, Case one) in ReferenceLines.Read(path, Case.Parse))
            tally.Add($"line {line}, {Kosmos2FormatException.Quote(one.Text)}", one.Compare(GroundedText.Parse(one.Text)));
        return [tally.Result()];
    }

    private sealed record Case(string Text, string Raw, string Caption, string[] Entities)
    {
        public static Case Parse(JsonElement json) =>
            new(json.Text("text"), json.Text("raw"), json.Text("caption"), [.. json.Field("entities").EnumerateArray().Select(Describe)]);

        public string? Compare(GroundedText found)
        {
            string[] entities = [.. found.Entities.Select(entity => Describe(entity.Name, entity.CodePoints, entity.Boxes))];
            return Difference.Between("raw", found.Raw, Raw)
                ?? Difference.Between("caption", found.Text, Caption)
                ?? Difference.Between<string>("entities", entities, Entities);
        }

        private static string Describe(JsonElement entity)
        {
            int[] span = entity[1].Ints();
            Box[] boxes = [.. entity[2].EnumerateArray().Select(b => new Box(b[0].GetDouble(), b[1].GetDouble(), b[2].GetDouble(), b[3].GetDouble()))];
            return Describe(entity[0].GetString(), new TextSpan(span[0], span[1]), boxes);
        }

        private static string Describe(string? name, TextSpan span, IEnumerable<Box> boxes) => string.Create(
            CultureInfo.InvariantCulture,
            $"{name} ({span.Start}, {span.End}) {string.Join(' ', boxes.Select(b => string.Create(CultureInfo.InvariantCulture, $"({b.X1}, {b.Y1}, {b.X2}, {b.Y2})")))}");
    }
}
