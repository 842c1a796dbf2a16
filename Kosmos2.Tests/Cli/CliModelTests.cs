using System.Text.Json;
using Kosmos2.Kernels;
using Kosmos2.Tests.Weights;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Cli;

/// <summary>info, validate, synthesize, and models that are not what they say.</summary>
internal sealed class CliModelTests : CliTestBase
{
    [Test]
    public async Task Synthesize_writes_a_checkpoint_of_the_configurations_size()
    {
        string config = Path.Combine(TestData.ShapesModel, "config.json");
        CliResult result = await CliProcess.RunAsync("synthesize", At("made"), "--config", config, "--dtype", "bfloat16");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Out, Is.EqualTo($"wrote {At("made", "model.safetensors")}: 6,045,312 weights, 12.09 MB\n"));
        using (Checkpoint checkpoint = Checkpoint.Open(At("made")))
            Assert.That(checkpoint.Validate(Kosmos2Config.Load(At("made"))), Is.Empty);

        Refused(await CliProcess.RunAsync("synthesize", At("made"), "--config", config), "is there already; --force replaces it");
        CliResult again = await CliProcess.RunAsync("synthesize", At("made"), "--config", config, "--force");
        Assert.That(again.ExitCode, Is.Zero, again.ToString());
        Refused(await CliProcess.RunAsync("synthesize", At("other"), "--dtype", "int8"), "--dtype int8");
    }

    [Test]
    public async Task Quantize_writes_a_smaller_model_that_answers()
    {
        CliResult result = await CliProcess.RunAsync("quantize", TestData.ShapesModel, At("small"), "--format", "int4");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Out, Is.EqualTo($"wrote {At("small")}: 5.48 MB, from 12.09 MB\n"));
        CliResult info = await CliProcess.RunAsync("info", "--model", At("small"));
        Assert.That(info.Out, Does.Contain("compressed-tensors: int8 with one scale a row (29 modules); int8 with one scale a row (text_model.model.embed_tokens); int4 in groups of 32 (Linear)"));
        string picture = Path.Combine(TestData.Root, "samples", "pictures", "scene-4.png");
        CliResult answer = await CliProcess.RunAsync("caption", picture, "--model", At("small"));
        CliResult loaded = await CliProcess.RunAsync("caption", picture, "--format", "int4");
        Assert.That(answer.Out, Does.Contain("An image of").And.EqualTo(loaded.Out));

        Refused(await CliProcess.RunAsync("quantize", TestData.ShapesModel, At("small"), "--format", "int8"), "a model is there already; --force replaces it");
        Refused(await CliProcess.RunAsync("quantize", At("small"), At("again"), "--format", "int8"), "quantization_config is set");
        Refused(await CliProcess.RunAsync("quantize", TestData.ShapesModel, At("again"), "--format", "int3"), "--format int3: stored, bf16, int8 or int4 is wanted");
        Refused(await CliProcess.RunAsync("quantize", TestData.ShapesModel, At("again"), "--format", "int4", "--group-size", "48"), "--group-size 48: 32, 64 or 128 is wanted");
    }

    [Test]
    public async Task Pack_writes_panels_that_change_no_answer()
    {
        CliResult made = await CliProcess.RunAsync("quantize", TestData.ShapesModel, At("small"), "--format", "int8", "--pack");
        Assert.That(made.ExitCode, Is.Zero, made.ToString());
        string panels = Directory.GetFiles(At("small"), "*.panels").Single();
        Assert.That(made.Lines[^1], Does.StartWith($"wrote {panels}: ").And.EndsWith(" MB"));
        Task<CliResult> Caption() => CliProcess.RunAsync("caption", Scene(1), "--model", At("small"), "--device", "cpu");
        Task<CliResult> Info(params string[] options) => CliProcess.RunAsync(["info", "--model", At("small"), "--device", "cpu", .. options]);
        CliResult mapped = await Caption(), info = await Info(), exact = await Info("--precision", "exact");
        Assert.That(info.Out, Does.Contain($"panels     {Path.GetFileName(panels)}, "));
        Assert.That(exact.Out, Does.Contain("is not used: made for layouts"));

        File.Delete(panels);
        CliResult without = await Caption();
        Assert.That(mapped.Out, Does.Contain("An image of").And.EqualTo(without.Out));
        Refused(await CliProcess.RunAsync("pack", At("nowhere")), "nowhere");
        Refused(await CliProcess.RunAsync("pack", At("small"), "--precision", "half"), "half");
    }

    [Test]
    public async Task Compare_says_how_far_a_format_is_from_the_stored_weights()
    {
        CliResult table = await CliProcess.RunAsync("compare", TestData.ShapesModel, TestData.ShapesModel, "--shapes", TestData.File("shapes"), "--cases", "3", "--format", "int8");
        Assert.That(table.ExitCode, Is.Zero, table.ToString());
        Assert.That(table.Out, Does.Contain("KL divergence, mean").And.Contain("same top token").And.Contain("relative L2 of logits"));
        CliResult json = await CliProcess.RunAsync("compare", TestData.ShapesModel, TestData.ShapesModel, "--json");
        using JsonDocument report = JsonDocument.Parse(json.Out);
        Assert.That(report.RootElement.GetProperty("logits").GetProperty("relative_error").GetDouble(), Is.Zero);
        Refused(await CliProcess.RunAsync("compare", TestData.ShapesModel, TestData.ShapesModel, "--answers"), "--answers and --cases need --shapes DIR");
        Refused(await CliProcess.RunAsync("compare", TestData.ShapesModel, TestData.File("models", "single-layer")), "they cannot be compared");
    }

    [Test]
    public async Task Bench_measures_a_model()
    {
        CliResult json = await CliProcess.RunAsync("bench", "--turns", "1", "--device", "cpu", "--threads", "1", "--json");
        Assert.That(json.ExitCode, Is.Zero, json.ToString());
        using JsonDocument report = JsonDocument.Parse(json.Out);
        string?[] parts = [.. report.RootElement.GetProperty("parts").EnumerateArray().Select(part => part.GetProperty("name").GetString())];
        Assert.That(parts, Is.EqualTo(new[] { "encode", "prefill", "decode 1", "decode 4", "decode 16", "decode 64" }));
        Assert.That(report.RootElement.GetProperty("end_to_end_ms").GetDouble(), Is.Positive);
        Assert.That(report.RootElement.GetProperty("possible").GetBoolean());

        Refused(await CliProcess.RunAsync("bench", "--turns", "0"), "--turns 0: a number above 0 is wanted");
        Refused(await CliProcess.RunAsync("bench", At("nowhere")), "nowhere");
        Refused(await CliProcess.RunAsync("bench", TestData.ShapesModel, "--roofline"), "measures the machine, no model");
        Refused(await CliProcess.RunAsync("bench", TestData.ShapesModel, "--device", "cpu", "--profile"), "no kernels that can be timed one by one");
        Refused(await CliProcess.RunAsync("bench", "--roofline", "--profile"), "take one of them");
    }

    [Test]
    public async Task Bench_has_no_limits_where_no_code_may_be_made_executable()
    {
        Task<CliResult> Run(params string[] arguments) => CliProcess.RunAsync(CliProcess.Start(arguments, null, ("KOSMOS2_DISABLE", "executable")));
        CliResult table = await Run("bench", "--turns", "1", "--device", "cpu", "--threads", "1");
        Assert.That(table.ExitCode, Is.Zero, table.ToString());
        Assert.That(table.Out, Does.Contain("limits: none measured"));
        Refused(await Run("bench", "--roofline"), "leave to make code executable");
    }

    [Test]
    public async Task Info_says_what_the_model_is_and_what_it_would_run_on()
    {
        CliResult result = await CliProcess.RunAsync("info");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero, result.ToString());
            Assert.That(result.Out, Does.Contain("kosmos2-shapes").And.Contain("6,045,312").And.Contain("F16").And.Contain("cpu"));
            Assert.That(result.Out, Does.Not.Contain('\u001b'));
        }
    }

    [Test]
    public async Task Names_of_tensors_cannot_steer_the_terminal()
    {
        CopyModel();
        using (var writer = new SafetensorsWriter(At("model.safetensors"), [("a\u001b[31m", DType.F32, new Shape(1))]))
        {
            writer.Write<float>("a\u001b[31m", 0, [1f]);
            writer.Complete();
        }
        CliResult result = await CliProcess.RunAsync("info", "--model", Folder, "--tensors");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Out, Does.Contain("a [31m").And.Not.Contain('\u001b'));
    }

    [Test]
    public async Task Boxes_are_shown_on_the_models_own_grid()
    {
        CopyModel();
        File.WriteAllText(At("processor_config.json"), """{"num_patch_index_tokens":256}""");
        string[] line = ["refer", Scene(1), "--model", Folder, "--box", "0.25,0.25,0.5,0.5", "--max-new-tokens", "1"];
        CliResult json = await CliProcess.RunAsync([.. line, "--json"]), whole = await CliProcess.RunAsync(line), streamed = await CliProcess.RunAsync([.. line, "--stream"]);
        Assert.That(json.ExitCode, Is.Zero, json.ToString());
        string prompt = JsonDocument.Parse(json.Out).RootElement.GetProperty("prompt").GetString()!;
        Assert.That(prompt, Does.Contain("<patch_index_0068><patch_index_0119>"), "rows 4 to 7 of 16, columns 4 to 7");
        Assert.That(streamed.Out, Is.EqualTo(whole.Out));
    }

    [Test]
    public async Task Pictures_of_another_size_than_the_models_are_refused_before_one_is_resized()
    {
        CopyModel();
        File.WriteAllText(At("preprocessor_config.json"), """{"size":{"height":8192,"width":8000},"do_center_crop":false}""");
        CliResult result = await CliProcess.RunAsync("caption", Scene(1), "--model", Folder);
        Refused(result, $"{At("preprocessor_config.json")}: pictures come out at 8000 x 8192 pixels, but image_size in config.json is 224");
    }

    [Test]
    public async Task A_tokenizer_of_more_tokens_than_the_model_has_is_refused()
    {
        CopyModel();
        File.Delete(At("tokenizer.json"));
        // An empty piece: field 1, of no bytes.
        byte[] pieces = [.. File.ReadAllBytes(At("sentencepiece.bpe.model")), 10, 0];
        File.WriteAllBytes(At("sentencepiece.bpe.model"), pieces);
        File.Delete(At("added_tokens.json"));
        File.Delete(At("tokenizer_config.json"));
        CliResult result = await CliProcess.RunAsync("caption", Scene(1), "--model", Folder);
        Refused(result, $"{At("sentencepiece.bpe.model")}: ", "1,181 tokens", "1,180");
    }

    [Test]
    public async Task Validate_passes_on_a_reference_model_and_counts_its_stages()
    {
        string model = TestData.File("models", "single-layer");
        CliResult result = await CliProcess.RunAsync("validate", model, model);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Lines[^1], Does.Match(@"^(\d+) of \1 stages, (\d+) of \2 cases"));
    }

    [Test]
    public async Task Validate_fails_with_exit_code_1_on_another_models_golden()
    {
        string other = At("other");
        Directory.CreateDirectory(other);
        TemporaryFolder.Copy(TestData.File("models", "single-layer"), other);
        // One bit of one weight.
        byte[] bytes = File.ReadAllBytes(Path.Combine(other, "model.safetensors"));
        bytes[^2] ^= 0x40;
        File.WriteAllBytes(Path.Combine(other, "model.safetensors"), bytes);
        CliResult result = await CliProcess.RunAsync("validate", other, TestData.File("models", "single-layer"));
        Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
        Assert.That(result.Out, Does.Contain("first differing"));
    }

    [Test]
    public async Task Parity_counts_the_cases_of_each_file_and_the_total()
    {
        CliResult result = await CliProcess.RunAsync("parity", TestData.File("models", "single-layer"), "--device", "cpu");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Lines, Is.EqualTo(new[]
        {
            "ok  golden.safetensors  24 of 24",
            "ok  generation.json  19 of 19",
            "total 43 of 43 in 2 files",
        }));
    }

    [Test]
    public async Task Parity_shows_what_differs_and_returns_1()
    {
        string[] lines = File.ReadAllLines(TestData.File("processor", "post_process.jsonl"));
        File.WriteAllLines(At("post_process.jsonl"), [.. lines[..9], lines[9].Replace("\"raw\": \"", "\"raw\": \"x", StringComparison.Ordinal)]);
        CliResult text = await CliProcess.RunAsync("parity", Folder);
        CliResult json = await CliProcess.RunAsync("parity", Folder, "--json");
        Assert.That((text.ExitCode, json.ExitCode), Is.EqualTo((1, 1)), text.ToString());
        Assert.That(text.Lines[0], Is.EqualTo("off post_process.jsonl  9 of 10"));
        Assert.That(text.Lines[1], Does.Match("^      line 10, '.*': raw is '.*', the reference has 'x"));
        using JsonDocument file = JsonDocument.Parse(json.Lines[0]);
        Assert.That(file.RootElement.GetProperty("differences")[0].GetProperty("case").GetString(), Does.StartWith("line 10, '"));
        Assert.That(json.Lines[1], Is.EqualTo("""{"passed":9,"total":10,"files":1,"left_out":0}"""));
    }

    [Test]
    public async Task Parity_refuses_a_malformed_file_and_a_folder_without_any()
    {
        Refused(await CliProcess.RunAsync("parity", Folder), "holds no reference file");
        File.WriteAllText(At("post_process.jsonl"), "{");
        Refused(await CliProcess.RunAsync("parity", Folder), "post_process.jsonl: line 1 is no case");
    }

    [Test]
    public async Task A_config_that_lies_about_sizes_is_refused() => Refused(await WithConfig("embed_dim", 320), "the configuration asks for [320, 192]");

    [Test]
    public async Task A_tensor_of_the_wrong_shape_is_refused() => Refused(await WithConfig("ffn_dim", 1000), "fc1");

    [Test]
    public async Task A_model_without_weights_is_refused()
    {
        File.Copy(Path.Combine(TestData.ShapesModel, "config.json"), At("config.json"));
        Refused(await CliProcess.RunAsync("caption", Scene(1), "--model", Folder), Folder);
    }

    [Test]
    public async Task A_model_cut_short_is_refused()
    {
        CopyModel();
        byte[] bytes = File.ReadAllBytes(At("model.safetensors"));
        File.WriteAllBytes(At("model.safetensors"), bytes[..(bytes.Length / 2)]);
        Refused(await CliProcess.RunAsync("caption", Scene(1), "--model", Folder), "model.safetensors");
    }

    private async Task<CliResult> WithConfig(string field, int value)
    {
        CopyModel();
        var config = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(File.ReadAllText(At("config.json")))!;
        var text = config["text_config"].Deserialize<Dictionary<string, JsonElement>>()!;
        text[field] = JsonSerializer.SerializeToElement(value);
        config["text_config"] = JsonSerializer.SerializeToElement(text);
        File.WriteAllText(At("config.json"), JsonSerializer.Serialize(config));
        return await CliProcess.RunAsync("caption", Scene(1), "--model", Folder);
    }

    private void CopyModel() => TemporaryFolder.Copy(TestData.ShapesModel, Folder);
}
