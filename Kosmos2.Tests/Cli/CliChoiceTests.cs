using System.Text.Json;

namespace Kosmos2.Tests.Cli;

/// <summary>Labels by likelihood: the right ones on the shipped model, from files and from options, with probabilities that are those of their likelihoods.</summary>
internal sealed class CliChoiceTests : CliTestBase
{
    [Test]
    public async Task Every_picture_gets_its_own_caption_out_of_all_pictures_captions()
    {
        Dictionary<string, string> labels = File.ReadLines(TestData.File("shapes", "cases.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(c => c.GetProperty("task").GetString() == "caption")
            .ToDictionary(c => c.GetProperty("image").GetString()!, c => c.GetProperty("caption").GetString()!["An image of ".Length..].TrimEnd('.'));
        await File.WriteAllLinesAsync(At("labels.txt"), labels.Values.Select(label => $"  {label} \n"));
        CliResult result = await CliProcess.RunAsync("classify", TestData.File("shapes"), "--labels", At("labels.txt"), "--json");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        JsonElement[] answers = [.. result.Lines.Select(line => JsonDocument.Parse(line).RootElement)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers.ToDictionary(a => Path.GetFileName(a.GetProperty("image").GetString()!), a => a.GetProperty("answer").GetString()), Is.EquivalentTo(labels));
            foreach (JsonElement answer in answers)
                AssertRanking(answer, labels.Values);
        }
    }

    [Test]
    public async Task Labels_of_a_file_stand_behind_those_of_options()
    {
        await File.WriteAllTextAsync(At("labels.txt"), "a white circle and a yellow cross\r\n\r\na red ring");
        CliResult both = await CliProcess.RunAsync("classify", Scene(1), "--json", "--label", "a blue star", "--labels", At("labels.txt"));
        CliResult options = await CliProcess.RunAsync("classify", Scene(1), "--json", "--label", "a blue star", "--label", "a white circle and a yellow cross", "--label", "a red ring");
        Assert.That(both.ExitCode, Is.Zero, both.ToString());
        Assert.That(both.Out, Is.EqualTo(options.Out));
        Assert.That(JsonDocument.Parse(both.Out).RootElement.GetProperty("answer").GetString(), Is.EqualTo("a white circle and a yellow cross"));
    }

    [Test]
    public async Task A_template_is_the_text_that_is_scored()
    {
        const string Before = "Question: What color is the cross? Answer:";
        CliResult result = await CliProcess.RunAsync("classify", Scene(1), "--json", "--template", $"{Before} {{}}", "--label", "blue", "--label", "yellow", "--label", "white");
        Assert.That(JsonDocument.Parse(result.Out).RootElement.GetProperty("answer").GetString(), Is.EqualTo("yellow"), result.ToString());
    }

    [Test]
    public async Task Files_without_labels_are_refused()
    {
        await File.WriteAllTextAsync(At("empty.txt"), " \n\n");
        Refused(await CliProcess.RunAsync("classify", Scene(1), "--labels", At("empty.txt")), "labels are wanted");
        Refused(await CliProcess.RunAsync("classify", Scene(1), "--labels", At("nowhere.txt")), "nowhere.txt");
    }

    // The likeliest first, and shares that are exp(log likelihood) over their sum.
    private static void AssertRanking(JsonElement answer, IEnumerable<string> labels)
    {
        JsonElement[] texts = [.. answer.GetProperty("texts").EnumerateArray()];
        double[] shares = [.. texts.Select(t => t.GetProperty("probability").GetDouble())], odds = [.. texts.Select(t => Math.Exp(t.GetProperty("log_likelihood").GetDouble()))];
        Assert.That(texts.Select(t => t.GetProperty("text").GetString()), Is.EquivalentTo(labels));
        Assert.That(answer.GetProperty("answer").GetString(), Is.EqualTo(texts[0].GetProperty("text").GetString()));
        Assert.That(shares, Is.Ordered.Descending);
        Assert.That(shares, Is.EqualTo(odds.Select(o => o / odds.Sum())).Within(1e-9));
    }
}
