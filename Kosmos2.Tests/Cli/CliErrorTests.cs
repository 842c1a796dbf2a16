using Kosmos2.Tests.Imaging;

namespace Kosmos2.Tests.Cli;

/// <summary>What the command refuses, each with one clear line and exit code 2.</summary>
internal sealed class CliErrorTests : CliTestBase
{
    [TestCase("caption", ExpectedResult = "IMAGE")]
    [TestCase("ground scene.png", ExpectedResult = "PHRASE")]
    [TestCase("refer scene.png", ExpectedResult = "--box")]
    [TestCase("run scene.png", ExpectedResult = "--prompt")]
    [TestCase("parity", ExpectedResult = "DIR")]
    [TestCase("parity /no/such/folder", ExpectedResult = "/no/such/folder: no such folder")]
    [TestCase("bogus", ExpectedResult = "'bogus' is no command")]
    [TestCase("caption scene.png --nonsense", ExpectedResult = "--nonsense")]
    [TestCase("caption scene.png --threads 0", ExpectedResult = "--threads 0")]
    [TestCase("caption scene.png --threads many", ExpectedResult = "many")]
    [TestCase("caption scene.png --max-new-tokens -3", ExpectedResult = "--max-new-tokens -3")]
    [TestCase("caption scene.png --stream --json", ExpectedResult = "--stream")]
    [TestCase("caption scene.png --model /no/such/model", ExpectedResult = "/no/such/model: no such folder")]
    [TestCase("refer scene.png --box 1,2,3", ExpectedResult = "four numbers")]
    [TestCase("refer scene.png --box 0.5,0.5,0.1,0.6", ExpectedResult = "left upper corner")]
    [TestCase("refer scene.png --box nan,0,1,1", ExpectedResult = "four numbers")]
    [TestCase("caption scene.png --annotate out.jpg", ExpectedResult = "PNG")]
    [TestCase("caption scene.png --weights foo", ExpectedResult = "mapped or packed is wanted")]
    [TestCase("caption scene.png --precision foo", ExpectedResult = "exact or fast is wanted")]
    [TestCase("caption scene.png --cache foo", ExpectedResult = "f32, bf16 or int8 is wanted")]
    [TestCase("caption scene.png --annotate no/such/folder/out.png", ExpectedResult = "does not exist")]
    [TestCase("caption scene.png --grammar maybe", ExpectedResult = "--grammar maybe")]
    [TestCase("ask scene.png Where? --phrase ring", ExpectedResult = "--phrase and --box go together")]
    [TestCase("classify scene.png", ExpectedResult = "labels are wanted")]
    [TestCase("caption a.png b.png --annotate out.png", ExpectedResult = "name a folder")]
    public async Task<string> A_wrong_command_line_says_what_is_wrong(string line)
    {
        CliResult result = await CliProcess.RunAsync(line.Split(' '));
        string expected = (string)TestContext.CurrentContext.Test.ExpectedResult!;
        Refused(result, expected);
        return expected;
    }

    [Test]
    public async Task A_missing_file_is_named() => Refused(await CliProcess.RunAsync("caption", At("none.png")), At("none.png"), "no such file");

    [Test]
    public async Task A_file_named_like_an_option_is_a_file_after_two_dashes() => Refused(await CliProcess.RunAsync("caption", "--", "--json"), "--json: no such file");

    [Test]
    public async Task A_file_named_like_a_response_file_is_a_file() => Refused(await CliProcess.RunAsync("caption", "@scene.png"), "@scene.png: no such file");

    [Test]
    public async Task A_model_without_a_tokenizer_is_refused() =>
        Refused(await CliProcess.RunAsync("caption", "--model", TestData.File("models", "upstream-test"), TestData.File("shapes", "22000000.png")), "has no tokenizer");

    [Test]
    public async Task An_empty_name_is_refused() => Refused(await CliProcess.RunAsync("caption", ""), "empty name");

    [TestCase("--model")]
    [TestCase("--annotate")]
    [TestCase("--crop")]
    [TestCase("--image-cache")]
    public async Task An_option_without_a_name_is_refused(string option) =>
        Refused(await CliProcess.RunAsync("caption", "scene.png", option, ""), $"{option}: a name is wanted, not an empty text");

    [Test]
    public async Task A_pattern_without_a_match_is_named() => Refused(await CliProcess.RunAsync("caption", At("*.png")), "*.png: no file matches");

    [Test]
    public async Task A_pattern_below_a_missing_folder_is_named() => Refused(await CliProcess.RunAsync("caption", At("no", "*.png")), "no file matches");

    [Test]
    public async Task A_folder_without_pictures_is_named()
    {
        File.WriteAllText(At("notes.txt"), "no picture");
        Refused(await CliProcess.RunAsync("caption", Folder), "the folder has no pictures");
    }

    [Test]
    public async Task An_empty_file_is_refused()
    {
        File.WriteAllBytes(At("empty.png"), []);
        Refused(await CliProcess.RunAsync("caption", At("empty.png")), "0 bytes");
    }

    [Test]
    public async Task Text_is_refused()
    {
        File.WriteAllText(At("text.png"), "this is no picture");
        Refused(await CliProcess.RunAsync("caption", At("text.png")), "is not a picture");
    }

    [Test]
    public async Task A_JPEG_cut_short_is_refused()
    {
        byte[] jpeg = File.ReadAllBytes(TestData.File("pictures", "j420.jpg"));
        File.WriteAllBytes(At("half.jpg"), jpeg[..(jpeg.Length * 2 / 3)]);
        Refused(await CliProcess.RunAsync("caption", At("half.jpg")), "half.jpg: is cut short");
    }

    [Test]
    public async Task A_PNG_of_30000_by_30000_is_refused()
    {
        File.WriteAllBytes(At("huge.png"), PictureErrorTests.Huge(30_000, 30_000));
        Refused(await CliProcess.RunAsync("caption", At("huge.png")), "900,000,000 pixels", "178,956,970");
    }

    [Test]
    public async Task A_name_with_control_characters_cannot_steer_the_terminal()
    {
        CliResult result = await CliProcess.RunAsync("caption", "a\u001b[31m\nb.png");
        Refused(result, "a?[31m");
        Assert.That(result.Error, Does.Not.Contain('\u001b'));
    }

    [Test]
    public async Task The_trace_is_shown_on_request_only()
    {
        CliResult result = await CliProcess.RunAsync(CliProcess.Start(["caption", At("none.png")], null, ("KOSMOS2_TRACE", "1")));
        Assert.That(result.Error, Does.Contain("   at Kosmos2."));
        Assert.That(result.ExitCode, Is.EqualTo(2));
    }

    [TestCase("")]
    [TestCase("caption")]
    [TestCase("describe")]
    [TestCase("ground")]
    [TestCase("ask")]
    [TestCase("refer")]
    [TestCase("classify")]
    [TestCase("score")]
    [TestCase("run")]
    [TestCase("info")]
    [TestCase("validate")]
    [TestCase("parity")]
    [TestCase("synthesize")]
    [TestCase("devices")]
    [TestCase("kernels")]
    [TestCase("bench")]
    public async Task Help_has_examples(string command)
    {
        CliResult result = await CliProcess.RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero);
            Assert.That(result.Error, Is.Empty);
            Assert.That(result.Out, Does.Contain("Examples:\n  kosmos2 " + command));
        }
    }
}
