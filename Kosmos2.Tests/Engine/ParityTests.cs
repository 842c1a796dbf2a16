using Kosmos2.Engine;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Every file of reference outputs but those of models (ModelGoldenTests, GenerationGoldenTests, ShapesTests) is equal, case for case.</summary>
internal sealed class ParityTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("kosmos2-parity").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("image_processor.jsonl", 178)]
    [TestCase("logits_processors.safetensors", 18)]
    [TestCase("pixels-odd.safetensors", 17)]
    [TestCase("post_process.jsonl", 618)]
    [TestCase("sinusoidal_positions.safetensors", 4)]
    public void Every_case_equals_the_reference(string file, int cases) => AllEqual(TestData.File("processor", file), cases, new ParityOptions());

    [TestCase("tokenizer.jsonl", 609)]
    [TestCase("processor.jsonl", 76)]
    public void Every_case_with_the_real_vocabulary_equals_the_reference(string file, int cases) =>
        AllEqual(TestData.Shared("reference", "processor", file), cases, new ParityOptions { Tokenizer = TestData.Shared("kosmos2-tokenizer") });

    [Test]
    public void The_demo_pictures_equal_the_reference() =>
        AllEqual(TestData.Shared("reference", "processor", "pixels-demo.safetensors"), 5, new ParityOptions { Images = TestData.Shared("images") });

    [TestCase("sentencepiece.bpe.model")]
    [TestCase("tokenizer.json")]
    public void Every_text_of_the_shipped_vocabulary_equals_the_reference_from_either_file(string file) =>
        AllEqual(TestData.File("shapes", "tokenizer.jsonl"), 80, new ParityOptions { Model = Path.Combine(TestData.ShapesModel, file) });

    [Test]
    public void What_differs_is_named_with_what_was_expected_and_what_was_found()
    {
        string[] lines = File.ReadAllLines(TestData.File("processor", "post_process.jsonl"));
        lines[6] = lines[6].Replace("\"caption\": \"", "\"caption\": \"not ", StringComparison.Ordinal);
        ParityResult result = RunOn("post_process.jsonl", string.Join('\n', lines)).Single();
        Assert.That((result.Passed, result.Total), Is.EqualTo((617, 618)));
        CaseResult difference = result.Differences.Single();
        Assert.That(difference.Name, Does.StartWith("line 7, '"));
        Assert.That(difference.Difference, Does.StartWith("caption is '").And.Contain("the reference has 'not "));
    }

    [Test]
    public void A_processor_that_is_too_strict_or_too_lenient_differs()
    {
        // The first is accepted in the reference though its text is none; the second should be refused.
        const string Lines = """
            {"name": "strict", "padding_side": "right", "arguments": {"text": 5}, "outputs": {"input_ids": [0], "attention_mask": [1]}}
            {"name": "lenient", "padding_side": "left", "arguments": {"text": "a"}, "error": "ValueError", "message": ""}
            {"name": "other", "padding_side": "left", "arguments": {"text": ""}, "outputs": {"input_ids": [7], "attention_mask": [1]}}
            """;
        ParityResult result = RunOn("processor.jsonl", Lines, new ParityOptions { Tokenizer = TestData.ShapesModel }).Single();
        Assert.That(result.Differences.Select(d => $"{d.Name}: {d.Difference}"), Is.EqualTo(new[]
        {
            "line 1, strict, padding side right: it is refused (text must be a string or a list of strings, not 5), the reference accepts it",
            "line 2, lenient, padding side left: it is accepted, the reference raises ValueError",
            "line 3, other, padding side left: input_ids[0][0] is 0, the reference has 7",
        }));
    }

    [TestCase("post_process.jsonl", "{\"text\": \"a\", \"raw\": \"a\", \"caption\": \"a\", \"entities\": []}\n{\"text\": 1}", "post_process.jsonl: line 2 is no case: text is no string")]
    [TestCase("post_process.jsonl", "\n{", "post_process.jsonl: line 2 is no case: from byte 1 on it is not JSON")]
    [TestCase("post_process.jsonl", "{}", "post_process.jsonl: line 1 is no case: text is missing")]
    [TestCase("post_process.jsonl", "{\"text\": \"a\", \"raw\": \"a\", \"caption\": \"a\", \"entities\": [[\"a\", [1], []]]}", "line 1 is no case")]
    [TestCase("processor.jsonl", "{\"name\": \"a\", \"padding_side\": \"up\", \"arguments\": {}}", "padding_side is up")]
    [TestCase("processor.jsonl", "[]", "line 1 is no case")]
    [TestCase("image_processor.jsonl", "{\"shape\": [100000, 100000, 3]}", "shape is not that of a small picture")]
    [TestCase("pixels-x.safetensors", "no safetensors", "pixels-x.safetensors")]
    [TestCase("logits_processors.safetensors", "", "logits_processors.safetensors")]
    public void A_malformed_file_is_named_with_its_line(string file, string content, string message) =>
        Assert.That(
            () => RunOn(file, content, new ParityOptions { Tokenizer = TestData.ShapesModel }),
            Throws.InstanceOf<Kosmos2FormatException>().With.Message.Contains(message));

    [Test]
    public void What_is_not_there_is_said_in_a_line()
    {
        File.WriteAllText(Path.Combine(_folder, "tokenizer.jsonl"), "");
        File.Copy(TestData.File("full-size", "golden.safetensors"), Path.Combine(_folder, "golden.safetensors"));
        Directory.CreateDirectory(Path.Combine(_folder, "quantized"));
        File.WriteAllText(Path.Combine(_folder, "quantized", "config.json"), """{"quantization_config": {}}""");
        File.WriteAllText(Path.Combine(_folder, "quantized", "golden.safetensors"), "");
        File.WriteAllText(Path.Combine(_folder, "cases.jsonl.bak"), "");
        string[] said = [.. Parity.Run(_folder).Select(result => $"{result.File}: {result.Total} {result.NotCompared}")];
        Assert.That(said, Has.Length.EqualTo(3));
        Assert.That(said[0], Does.StartWith("golden.safetensors: 0 ").And.Contain("--full-size"));
        Assert.That(said[1], Does.StartWith("quantized/golden.safetensors: 0 ").And.Contain("quantized"));
        Assert.That(said[2], Does.StartWith("tokenizer.jsonl: 0 ").And.Contain("--tokenizer"));
    }

    [Test]
    public void A_folder_without_reference_files_is_refused_and_so_is_none()
    {
        Assert.That(() => Parity.Run(_folder), Throws.InstanceOf<Kosmos2FormatException>().With.Message.Contains("no reference file"));
        Assert.That(() => Parity.Run(Path.Combine(_folder, "none")), Throws.InstanceOf<DirectoryNotFoundException>().With.Message.Contains("no such folder"));
    }

    [Test]
    public void A_models_stages_and_cases_are_counted_apart()
    {
        var options = new ParityOptions { Engine = new EngineOptions { Device = "cpu", Threads = 1 } };
        ParityResult[] results = [.. Parity.Run(TestData.File("models", "single-layer"), options)];
        Assert.That(results.Select(r => (r.File, r.Passed, r.Total)), Is.EqualTo(new[] { ("golden.safetensors", 24, 24), ("generation.json", 19, 19) }));
    }

    private static void AllEqual(string file, int cases, ParityOptions options)
    {
        ParityResult result = Parity.Run(file, options with { LoadPicture = path => Picture.Load(path) }).Single();
        Assert.That(result.Differences.Select(difference => $"{difference.Name}: {difference.Difference}"), Is.Empty);
        Assert.That((result.Passed, result.NotCompared), Is.EqualTo((cases, (string?)null)));
    }

    private ParityResult[] RunOn(string file, string content, ParityOptions? options = null)
    {
        File.WriteAllText(Path.Combine(_folder, file), content);
        return [.. Parity.Run(_folder, options)];
    }
}
