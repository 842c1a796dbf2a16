using System.Text.Json;
using Kosmos2.Cli;
using Kosmos2.Cli.Images;
using Kosmos2.Cli.Output;
using Kosmos2.Cli.Tasks;
using Kosmos2.Engine;
using Kosmos2.Imaging;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Cli;

/// <summary>The command's parts that are easier to corner alone than through the executable.</summary>
internal sealed class CliPartsTests : CliTestBase
{
    [Test]
    public void Folders_and_patterns_give_pictures_in_the_order_of_their_names()
    {
        foreach (string name in new[] { "b.png", "a.JPG", "notes.txt", "c.webp" })
            File.WriteAllText(At(name), "");
        Directory.CreateDirectory(At("deep", "er"));
        File.WriteAllText(At("deep", "er", "d.png"), "");
        using var download = new ImageDownload(TimeSpan.FromSeconds(1));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Names(Folder), Is.EqualTo(new[] { At("a.JPG"), At("b.png"), At("c.webp") }));
            Assert.That(Names(At("*.png")), Is.EqualTo(new[] { At("b.png") }));
            Assert.That(Names(At("**/*.png")), Is.EqualTo(new[] { At("b.png"), At("deep", "er", "d.png") }));
            Assert.That(Names(At("deep", "*", "*.png")), Is.EqualTo(new[] { At("deep", "er", "d.png") }));
            Assert.That(Names(At("z.png"), "-", "https://a.b/c/d.png?e=f"), Is.EqualTo(new[] { At("z.png"), "-", "https://a.b/c/d.png?e=f" }));
            Assert.That(ImageSource.Expand(["https://a.b/c/d%20e.png?e=f"], download)[0].Stem, Is.EqualTo("d e"));
        }

        string[] Names(params string[] arguments) => [.. ImageSource.Expand(arguments, download).Select(input => input.Name)];
    }

    [Test]
    public void A_device_that_fails_or_is_full_is_no_fault_of_the_program()
    {
        Assert.That(Failures.Report(new DeviceLostException("cuda:0 was lost")), Is.EqualTo(2));
        Assert.That(Failures.Report(new DeviceMemoryException("the model", 2, 1)), Is.EqualTo(2));
        Assert.That(Failures.Report(new InvalidOperationException("a bug")), Is.EqualTo(1));
    }

    [Test]
    public void A_file_whose_name_has_a_star_is_that_file()
    {
        File.WriteAllText(At("a*.png"), "");
        File.WriteAllText(At("ab.png"), "");
        using var download = new ImageDownload(TimeSpan.FromSeconds(1));
        Assert.That(ImageSource.Expand([At("a*.png")], download).Select(input => input.Name), Is.EqualTo(new[] { At("a*.png") }));
    }

    [TestCase("0.1,0.2,0.5,0.6", 0.1, 0.2, 0.5, 0.6)]
    [TestCase("20,40,100,80", 0.1, 0.4, 0.5, 0.8)]
    [TestCase("0,0,200,100", 0, 0, 1, 1)]
    [TestCase("0,0,1,1", 0, 0, 1, 1)]
    public void A_box_is_in_fractions_or_in_pixels(string text, double x1, double y1, double x2, double y2) =>
        Assert.That(BoxArgument.Parse(text).In(new RgbImage(200, 100, new byte[60000])), Is.EqualTo(new Box(x1, y1, x2, y2)));

    [Test]
    public void JSON_keeps_every_character_and_every_digit()
    {
        TaskAnswer answer = Answer("tab\t\"quote\" ü 中 😀 \u2028\u0007", new Box(0.1, 1.0 / 3, 2.0 / 3, 0.984375));
        string line = JsonLine.Of(answer);
        JsonElement read = JsonDocument.Parse(line).RootElement;
        Assert.That(line, Does.Not.Contain('\n').And.Contain("ü 中"));
        Assert.That(read.GetProperty("text").GetString(), Is.EqualTo(answer.Text));
        Assert.That(read.GetProperty("entities")[0].GetProperty("boxes")[0][1].GetDouble(), Is.EqualTo(1.0 / 3));
    }

    [TestCase("out.jpg")]
    [TestCase("none/out.png")]
    public void Wrong_annotation_targets_are_refused_before_any_work(string target) =>
        Assert.That(() => new PictureOutput(At(target), null, 1), Throws.TypeOf<UsageException>());

    [Test]
    public void Crops_of_odd_names_are_files_with_safe_names()
    {
        TaskAnswer answer = Answer("x", new Box(0, 0, 0.5, 0.5)), nameless = Answer("x", new Box(0, 0, 1, 1));
        var output = new PictureOutput(null, At("crops"), 2);
        GroundedEntity odd = answer.Entities[0] with { Name = "../../etc/passwd: \u0000 a" }, none = nameless.Entities[0] with { Name = "///" };
        output.Write(ImageInput.File("x.png"), new RgbImage(4, 4, new byte[48]), [odd, none]);
        Assert.That(Directory.GetFiles(At("crops")).Select(Path.GetFileName), Is.EquivalentTo(new[] { "x-1-etc-passwd-a.png", "x-2-box.png" }));
        Assert.That(Picture.Load(At("crops", "x-1-etc-passwd-a.png")).Width, Is.EqualTo(2));
    }

    private static TaskAnswer Answer(string text, Box box) => new()
    {
        Image = "x.png",
        Size = (4, 4),
        Task = "caption",
        Prompt = "An image of",
        Text = text,
        Answer = text,
        Raw = text,
        Tokens = [1, 2],
        Entities = [new GroundedEntity(text, new TextSpan(0, text.Length), new TextSpan(0, text.Length), [box])],
        FinishReason = "eos",
        Timings = [("encode", TimeSpan.FromMilliseconds(1.5))],
    };
}
