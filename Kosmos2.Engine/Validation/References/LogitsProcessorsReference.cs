using System.Globalization;
using System.Text.Json;
using Kosmos2.Engine.Generation;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// logits_processors.safetensors: what each logits processor makes of <c>logits</c> [rows, vocabulary] after <c>input_ids</c> [rows, length]. A tensor's name is the
/// setting, <c>top_k=5</c>, or several for a chain, <c>chain=top_k 5,top_p 0.9</c>.
/// </summary>
internal sealed class LogitsProcessorsReference : IReferenceKind
{
    public bool Knows(string path) => Path.GetFileName(path) == "logits_processors.safetensors";

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        using GoldenFile golden = GoldenFile.Open(path);
        var tally = new Tally(context.NameOf(path));
        int[][] ids = golden.Rows("input_ids");
        float[] logits = golden.Floats("logits");
        int vocabulary = golden.ShapeOf("logits").Width;
        foreach (string name in golden.Names.Where(name => name is not ("input_ids" or "logits")).Order(StringComparer.Ordinal))
        {
            float[] expected = golden.Floats(name);
            if (expected.Length != logits.Length || ids.Length * vocabulary != logits.Length || ids.Any(row => row.Length == 0 || row.Any(id => (uint)id >= (uint)vocabulary)))
                throw new Kosmos2FormatException(path, $"{name} does not fit logits and input_ids");
            tally.Add(name, Compare(PlanFor(path, name, vocabulary), ids, logits, expected));
        }
        return [tally.Result()];
    }

    private static string? Compare(GenerationPlan plan, int[][] ids, float[] logits, float[] expected)
    {
        Tolerance tolerance = Tolerance.Float32;
        for (int row = 0; row < ids.Length; row++)
        {
            float[] scores = logits.AsSpan(row * plan.VocabularySize, plan.VocabularySize).ToArray();
            SequenceView view = new RunningSequence(0, ids[row], plan).View;
            foreach (ILogitsProcessor processor in plan.Processors.Concat(plan.Filters))
                processor.Process(view, scores);
            for (int token = 0; token < scores.Length; token++)
            {
                float found = scores[token], wanted = expected[(row * scores.Length) + token];
                if (found != wanted && !(Math.Abs(found - wanted) <= tolerance.Absolute + (tolerance.Relative * Math.Abs(wanted))))
                    return string.Create(CultureInfo.InvariantCulture, $"row {row}, token {token} is {found}, the reference has {wanted}");
            }
        }
        return plan.Processors.Length + plan.Filters.Length == 0 ? "no processor was made of it" : null;
    }

    private static GenerationPlan PlanFor(string path, string name, int vocabulary)
    {
        string list = name.StartsWith("chain=", StringComparison.Ordinal) ? name["chain=".Length..] : name.Replace('=', ' ');
        var settings = new Dictionary<string, object> { ["do_sample"] = true, ["top_k"] = 0 };
        foreach (string setting in list.Split(','))
        {
            string[] parts = setting.Split(' ');
            if (parts.Length != 2 || !double.TryParse(parts[1], CultureInfo.InvariantCulture, out double value))
                throw new Kosmos2FormatException(path, $"{Kosmos2FormatException.Quote(name)} is no setting; expected a name as in top_k=5");
            settings[parts[0]] = value == Math.Floor(value) ? (long)value : value;
        }
        return new GenerationPlan(GenerationConfig.Parse(JsonSerializer.Serialize(settings), $"{path}: {name}"), vocabulary, new GenerationHooks());
    }
}
