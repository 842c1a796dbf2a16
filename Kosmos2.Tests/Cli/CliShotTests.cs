using System.Text.Json;
using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Imaging;

namespace Kosmos2.Tests.Cli;

/// <summary>Examples before a prompt: the engine's prompt of several pictures, and refusals of what is no example.</summary>
internal sealed class CliShotTests : CliTestBase
{
    [Test]
    public async Task Examples_stand_before_every_picture()
    {
        const string First = "An image of a purple circle, a red ring and an orange square.", Second = "An image of<phrase> a red ring</phrase>.", Asked = "<grounding> An image of";
        CliResult result = await CliProcess.RunAsync("run", Scene(1), Scene(3), "--prompt", Asked, "--shot", Scene(4), First, "--shot", Scene(2), Second, "--json");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        JsonElement[] answers = [.. result.Lines.Select(line => JsonDocument.Parse(line).RootElement)];
        using Kosmos2Engine engine = Kosmos2Engine.Load(TestData.ShapesModel, new EngineOptions { Device = "cpu" });
        foreach ((JsonElement answer, int scene) in answers.Zip([1, 3]))
        {
            Prompt prompt = new Prompt().Image(Picture.Load(Scene(4))).Tagged(First).Image(Picture.Load(Scene(2))).Tagged(Second).Image(Picture.Load(Scene(scene))).Tagged(Asked);
            GroundedAnswer expected = engine.Generate([prompt], new GenerationConfig { WellFormedGrounding = false })[0];
            Assert.That(answer.GetProperty("tokens").EnumerateArray().Select(t => t.GetInt32()), Is.EqualTo(expected.Tokens), $"scene {scene}");
        }
        Assert.That(answers, Has.Length.EqualTo(2));
    }

    [Test]
    public async Task What_is_no_example_is_refused()
    {
        Refused(await CliProcess.RunAsync("run", Scene(1), "--prompt", "An image of", "--shot", Scene(2)), "--shot");
        Refused(await CliProcess.RunAsync("run", Scene(1), "--prompt", "An image of", "--shot", Scene(2), "a ring", Scene(3)), $"--shot {Scene(3)}: an image and a text are wanted");
        Refused(await CliProcess.RunAsync("run", Scene(1), "--prompt", "An image of", "--shot", At("nothing.png"), "a ring"), "nothing.png");
    }
}
