using System.Globalization;
using Kosmos2.Engine.Generation;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>Each processor alone, and a chain of five, against transformers' own outputs on the same scores.</summary>
public sealed class ProcessorGoldenTests
{
    private const int Vocabulary = 61;

    private static readonly string s_file = TestData.File("processor", "logits_processors.safetensors");

    private static IEnumerable<string> Cases()
    {
        using SafetensorsFile file = SafetensorsFile.Open(s_file);
        return [.. file.Entries.Select(e => e.Name).Where(n => n is not ("logits" or "input_ids")).Order()];
    }

    [Test]
    public void ThereIsACaseForEachProcessor() => Assert.That(Cases().Count(), Is.EqualTo(18));

    [TestCaseSource(nameof(Cases))]
    public void ScoresEqualThoseOfTransformers(string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(s_file);
        ReadOnlySpan<float> logits = Values<float>(file, "logits");
        ReadOnlySpan<float> expected = Values<float>(file, name);
        ReadOnlySpan<long> ids = Values<long>(file, "input_ids");
        int length = ids.Length / 3;

        GenerationPlan plan = PlanFor(name);
        Assert.That(plan.Processors, Is.Not.Empty);
        for (int row = 0; row < 3; row++)
        {
            int[] tokens = [.. ids.Slice(row * length, length).ToArray().Select(t => (int)t)];
            float[] scores = logits.Slice(row * Vocabulary, Vocabulary).ToArray();
            SequenceView view = new RunningSequence(0, tokens, plan).View;
            foreach (ILogitsProcessor processor in plan.Processors)
                processor.Process(view, scores);
            for (int token = 0; token < Vocabulary; token++)
            {
                float b = expected[(row * Vocabulary) + token];
                Assert.That(
                    scores[token] == b || Math.Abs(scores[token] - b) <= 1e-5 + (1e-4 * Math.Abs(b)), $"row {row}, token {token}: {scores[token]}, expected {b}");
            }
        }
    }

    private static T[] Values<T>(SafetensorsFile file, string name)
        where T : unmanaged => file[name].AsSpan<T>().ToArray();

    /// <summary>"top_k=5", or "chain=top_k 5,top_p 0.9": all in one plan, which must put them in this order by itself.</summary>
    private static GenerationPlan PlanFor(string name)
    {
        var settings = new Dictionary<string, string> { ["do_sample"] = "true", ["top_k"] = "0" };
        string list = name.StartsWith("chain=", StringComparison.Ordinal) ? name["chain=".Length..] : name.Replace('=', ' ');
        foreach (string setting in list.Split(','))
            settings[setting.Split(' ')[0]] = setting.Split(' ')[1];
        string json = string.Join(", ", settings.Select(s => string.Create(CultureInfo.InvariantCulture, $"\"{s.Key}\": {s.Value}")));
        return new GenerationPlan(GenerationConfig.Parse($"{{{json}}}"), Vocabulary, new GenerationHooks());
    }
}
