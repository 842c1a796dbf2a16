using System.Text.Json;

namespace Kosmos2.Tests.Cli;

/// <summary>Every task of the command against what Hugging Face answers with the same model (Data/shapes/cases.jsonl).</summary>
internal sealed class CliTaskTests : CliTestBase
{
    private static readonly string[] Names = ["image", "width", "height", "task", "prompt", "text", "answer", "raw", "tokens", "entities", "finish_reason", "timings"];

    [TestCase("caption", "grounded-caption")]
    [TestCase("caption --plain", "caption")]
    [TestCase("describe", "grounded-detail")]
    public async Task A_folder_of_pictures_gives_Hugging_Faces_answers(string command, string task)
    {
        CliResult result = await CliProcess.RunAsync([.. command.Split(' '), TestData.File("shapes"), "--json"]);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        JsonElement[] answers = [.. result.Lines.Select(line => JsonDocument.Parse(line).RootElement)];
        Dictionary<string, JsonElement> cases = Cases(task).ToDictionary(c => c.GetProperty("image").GetString()!);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers.Select(a => Path.GetFileName(a.GetProperty("image").GetString())), Is.EqualTo(cases.Keys.Order(StringComparer.Ordinal)));
            foreach (JsonElement answer in answers)
                AssertSame(answer, cases[Path.GetFileName(answer.GetProperty("image").GetString())!]);
        }
    }

    [TestCase("ground", "referring-expression")]
    [TestCase("ground", "phrase-grounding")]
    [TestCase("ask", "question-count")]
    [TestCase("ask", "question-color")]
    [TestCase("ask", "question-shape")]
    [TestCase("run", "referring-generation")]
    [TestCase("run", "grounded-caption")]
    public async Task A_question_gives_Hugging_Faces_answer(string command, string task)
    {
        JsonElement wanted = Cases(task).First();
        string prompt = wanted.GetProperty("prompt").GetString()!;
        string words = command switch
        {
            "ground" => prompt.Split("<phrase>")[1].Split("</phrase>")[0].Trim(),
            "ask" => prompt.Split("Question:")[1].Split("Answer:")[0].Trim(),
            _ => prompt,
        };
        string image = TestData.File("shapes", wanted.GetProperty("image").GetString()!);
        CliResult result = await CliProcess.RunAsync(command == "run" ? ["run", image, "--json", "--prompt", words] : [command, image, words, "--json"]);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        AssertSame(JsonDocument.Parse(result.Out).RootElement, wanted);
    }

    [Test]
    public async Task Refer_turns_fractions_and_pixels_into_the_same_prompt()
    {
        JsonElement wanted = Cases("referring-generation").Single(c => c.GetProperty("image").GetString() == "22000001.png");
        string image = TestData.File("shapes", "22000001.png");
        CliResult fractions = await CliProcess.RunAsync("refer", image, "--json", "--box", "0.01,0.45,0.43,0.83");
        CliResult pixels = await CliProcess.RunAsync("refer", image, "--json", "--box", "2,101,96,186");
        AssertSame(JsonDocument.Parse(fractions.Out).RootElement, wanted);
        AssertSame(JsonDocument.Parse(pixels.Out).RootElement, wanted);
        Refused(await CliProcess.RunAsync("refer", image, "--box", "2,101,96,1860"), "leaves the picture of 224 x 224 pixels");
    }

    [Test]
    public async Task A_line_of_JSON_has_the_promised_names_and_kinds()
    {
        CliResult result = await CliProcess.RunAsync("caption", Scene(1), "--json");
        JsonElement answer = JsonDocument.Parse(result.Out).RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Lines, Has.Length.EqualTo(1));
            Assert.That(answer.EnumerateObject().Select(property => property.Name), Is.EqualTo(Names));
            Assert.That(answer.GetProperty("image").GetString(), Is.EqualTo(Scene(1)));
            Assert.That(answer.GetProperty("task").GetString(), Is.EqualTo("caption"));
            Assert.That(answer.GetProperty("finish_reason").GetString(), Is.EqualTo("eos"));
            Assert.That(answer.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32()), Is.Not.Empty);
            Assert.That(answer.GetProperty("timings").EnumerateObject().Select(t => t.Name), Is.EqualTo(new[] { "preprocess_ms", "encode_ms", "prefill_ms", "decode_ms" }));
            Assert.That(answer.GetProperty("timings").EnumerateObject().Select(t => t.Value.GetDouble()), Has.All.Positive);
        }
        foreach (JsonElement entity in answer.GetProperty("entities").EnumerateArray())
        {
            string text = answer.GetProperty("text").GetString()!;
            Assert.That(entity.EnumerateObject().Select(property => property.Name), Is.EqualTo(new[] { "phrase", "start", "end", "boxes", "phrase_probability", "confidence" }));
            Assert.That(text[entity.GetProperty("start").GetInt32()..entity.GetProperty("end").GetInt32()], Is.EqualTo(entity.GetProperty("phrase").GetString()));
            Assert.That(entity.GetProperty("boxes").EnumerateArray().Select(box => box.GetArrayLength()), Has.All.EqualTo(4));
        }
    }

    [Test]
    public async Task Text_shows_the_caption_and_its_boxes_without_colours_when_piped()
    {
        CliResult result = await CliProcess.RunAsync("caption", Scene(1));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero, result.ToString());
            Assert.That(result.Lines[0], Is.EqualTo("An image of a white circle and a yellow cross."));
            Assert.That(result.Lines[1], Does.Match(@"^  a white circle  \(0\.\d+, 0\.\d+, 0\.\d+, 0\.\d+\)  \d+,\d+ to \d+,\d+$"));
            Assert.That(result.Lines, Has.Length.EqualTo(3));
            Assert.That(result.Out + result.Error, Does.Not.Contain('\u001b'));
            Assert.That(result.Error, Is.Empty);
        }
    }

    [Test]
    public async Task Streamed_text_is_the_text()
    {
        CliResult whole = await CliProcess.RunAsync("describe", Scene(2)), streamed = await CliProcess.RunAsync("describe", Scene(2), "--stream");
        Assert.That(streamed.Out, Is.EqualTo(whole.Out));
    }

    [Test]
    public async Task A_question_with_a_bracket_does_not_swallow_the_streamed_answer()
    {
        string[] line = ["ask", Scene(1), "Is 1 < 2 and what color is the cross?", "--grounded"];
        CliResult whole = await CliProcess.RunAsync(line), streamed = await CliProcess.RunAsync([.. line, "--stream"]);
        Assert.That(whole.Lines[0], Does.Contain("yellow"), whole.ToString());
        Assert.That(streamed.Out, Is.EqualTo(whole.Out));
    }

    [Test]
    public async Task Streamed_text_cannot_steer_the_terminal()
    {
        CliResult result = await CliProcess.RunAsync("run", Scene(1), "--prompt", "An\u001b[31m image of", "--stream", "--max-new-tokens", "2");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Out, Does.StartWith("An [31m image of").And.Not.Contain('\u001b'));
    }

    [Test]
    public async Task A_picture_comes_from_standard_input()
    {
        using System.Diagnostics.Process process = CliProcess.Start(["caption", "-", "--json"]);
        await process.StandardInput.BaseStream.WriteAsync(File.ReadAllBytes(Scene(1)));
        CliResult result = await CliProcess.RunAsync(process);
        Assert.That(result.Out, Does.Contain("\"image\":\"-\"").And.Contain("a white circle"));
    }

    [Test]
    public async Task The_limit_on_new_tokens_is_kept()
    {
        CliResult result = await CliProcess.RunAsync("caption", Scene(1), "--json", "--max-new-tokens", "3");
        JsonElement answer = JsonDocument.Parse(result.Out).RootElement;
        Assert.That(answer.GetProperty("tokens").GetArrayLength(), Is.EqualTo(3));
        Assert.That(answer.GetProperty("finish_reason").GetString(), Is.EqualTo("max_new_tokens"));
    }

    [Test]
    public async Task A_prompt_over_the_context_limit_is_refused() => Refused(await CliProcess.RunAsync("caption", Scene(1), "--max-context", "20"), "20");

    [Test]
    public async Task The_reference_device_and_one_thread_answer_the_same()
    {
        CliResult result = await CliProcess.RunAsync("caption", Scene(1)), one = await CliProcess.RunAsync("caption", Scene(1), "--threads", "1", "--device", "cpu");
        Assert.That(one.Out, Is.EqualTo(result.Out));
    }

    [Test]
    public async Task An_unknown_device_is_refused() => Refused(await CliProcess.RunAsync("caption", Scene(1), "--device", "abacus"), "abacus");

    private static IEnumerable<JsonElement> Cases(string task) => File.ReadLines(TestData.File("shapes", "cases.jsonl"))
        .Select(line => JsonDocument.Parse(line).RootElement).Where(c => c.GetProperty("task").GetString() == task);

    private static void AssertSame(JsonElement answer, JsonElement wanted)
    {
        string name = wanted.GetProperty("key").GetString()!;
        int prompt = wanted.GetProperty("input_ids").GetArrayLength();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.GetProperty("tokens").EnumerateArray().Select(t => t.GetInt32()), Is.EqualTo(wanted.GetProperty("sequence").EnumerateArray().Skip(prompt).Select(t => t.GetInt32())), name);
            Assert.That(answer.GetProperty("text").GetString(), Is.EqualTo(wanted.GetProperty("caption").GetString()), name);
            Assert.That(Entities(answer.GetProperty("entities")), Is.EqualTo(Wanted(wanted.GetProperty("entities"))), name);
        }
    }

    private static string[] Entities(JsonElement entities) =>
        [.. entities.EnumerateArray().Select(e => $"{e.GetProperty("phrase")} {e.GetProperty("start")} {e.GetProperty("end")} {Numbers(e.GetProperty("boxes"))}")];

    private static string[] Wanted(JsonElement entities) => [.. entities.EnumerateArray().Select(e => $"{e[0]} {e[1][0]} {e[1][1]} {Numbers(e[2])}")];

    private static string Numbers(JsonElement boxes) => string.Join(' ', boxes.EnumerateArray().SelectMany(box => box.EnumerateArray()).Select(number => number.GetDouble()));
}
