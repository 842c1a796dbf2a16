using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Validation;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine.Generation;

public sealed class GenerationCasesTests
{
    [TestCase("upstream-test")]
    [TestCase("odd-sizes")]
    [TestCase("real-shapes")]
    [TestCase("bf16")]
    [TestCase("single-layer")]
    public void TheReferenceModelsCasesAreRead(string model)
    {
        IReadOnlyList<GenerationCase> cases = GenerationCases.Read(TestData.File("models", model, "generation.json"));
        Assert.That(cases, Has.Count.EqualTo(19));
        foreach (GenerationCase one in cases)
        {
            Assert.That(one.Rows, Has.Count.EqualTo(2), one.Name);
            GenerationConfig config = one.ConfigFor(promptLength: 9);
            Assert.That(config.OtherSettings, Is.Empty, one.Name);
            Assert.That(one.Rows.Select(r => r.NewTokens.Count), Has.All.EqualTo(config.NumReturnSequences ?? 1), one.Name);
            Assert.That(one.Rows.Select(r => (r.SequenceScores ?? r.ChosenScores)!.Count), Has.All.Positive, one.Name);
        }
    }

    [Test]
    public void MaxLengthCountsFromThePromptsEnd()
    {
        GenerationCase maxLength = GenerationCases.Read(TestData.File("models", "odd-sizes", "generation.json")).Single(c => c.Name == "max-length");
        Assert.That(maxLength.ConfigFor(promptLength: 12).MaxLength, Is.EqualTo(17));

        // 5 after a prompt of 15 is 20, which Hugging Face takes for a limit that nobody set.
        Assert.That(maxLength.ConfigFor(promptLength: 15).MaxLength, Is.Null);
    }

    [Test]
    public void ADifferenceIsFoundAndNamed()
    {
        // A case recorded from the fake model itself passes; with one number changed it does not.
        int[][] prompts = [[1, 2, 3], [4, 5]];
        Assert.That(Run(prompts, _ => true), Is.Null);
        Assert.That(Run(prompts, what => what != "token"), Does.StartWith("row 1, sequence 0: ["));
        Assert.That(Run(prompts, what => what != "score"), Does.StartWith("row 1: chosen score 2 is"));
        Assert.That(Run(prompts, what => what != "beam score"), Does.StartWith("row 1: sequence score 0 is"));
    }

    [TestCase("""{}""", "cases is missing or no list")]
    [TestCase("""{"cases": [{"name": "x", "rows": []}]}""", "settings is missing or no object")]
    [TestCase("""{"cases": [{"name": "x", "settings": {"max_length": "a"}, "rows": []}]}""", "max_length 'a'")]
    [TestCase("""{"cases": [{"name": "x", "settings": {}, "rows": [{"new_tokens": [3]}]}]}""", "list of lists of token ids")]
    [TestCase("""{"cases": [{"name": "x", "settings": {}, "rows": [{"new_tokens": [[3]], "chosen_scores": ["a"]}]}]}""", "list of numbers")]
    [TestCase("""{"cases": [3]}""", "must hold an object")]
    public void AMalformedFileIsRefused(string json, string message)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, json);
            Assert.That(() => GenerationCases.Read(path), Throws.TypeOf<ConfigurationException>().With.Message.Contains(message));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string? Run(int[][] prompts, Predicate<string> unchanged)
    {
        foreach (string settings in new[] { """{"max_new_tokens": 4}""", """{"max_new_tokens": 4, "num_beams": 3}""" })
        {
            var rows = new List<GenerationCaseRow>();
            foreach (int[] prompt in prompts)
            {
                GenerationConfig config = GenerationConfig.Parse(settings) with { OutputScores = ScoreOutput.Chosen };
                GeneratedSequence sequence = Generator.Generate(FakeSession.WithNoise([prompt], 50, 3), [prompt], config).Sequences[0];
                float[] chosen = [.. sequence.ChosenScores!];
                rows.Add(new GenerationCaseRow(
                    [[.. sequence.Tokens]], sequence.Score is { } score ? new[] { score } : null, sequence.Score is null ? chosen : null, null));
            }
            if (!unchanged("token"))
                rows[1].NewTokens[0][2] ^= 1;
            if (!unchanged("score") && rows[1].ChosenScores is float[] scores)
                scores[2] *= 1.01f;
            if (!unchanged("beam score") && rows[1].SequenceScores is float[] sums)
                sums[0] *= 1.01f;
            var recorded = new GenerationCase("recorded", System.Text.Json.Nodes.JsonNode.Parse(settings)!.AsObject(), rows);
            if (recorded.Run(new GenerationConfig(), prompts, indices => FakeSession.WithNoise([.. indices.Select(i => prompts[i])], 50, 3)) is { } difference)
                return difference;
        }
        return null;
    }
}
