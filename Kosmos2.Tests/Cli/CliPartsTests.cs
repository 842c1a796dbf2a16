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

    [Test]
    public void Two_stars_pass_over_links_to_folders()
    {
        Directory.CreateDirectory(At("deep"));
        File.WriteAllText(At("deep", "a.png"), "");
        Directory.CreateSymbolicLink(At("deep", "up"), At("deep"));
        Directory.CreateSymbolicLink(At("link"), At("deep"));
        using var download = new ImageDownload(TimeSpan.FromSeconds(1));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Names(At("deep", "**/*.png")), Is.EqualTo(new[] { At("deep", "a.png") }));
            Assert.That(Names(At("link", "**/*.png")), Is.EqualTo(new[] { At("link", "a.png") }), "a folder that is named is entered");
            Assert.That(Names(At("l*", "*.png")), Is.EqualTo(new[] { At("link", "a.png") }), "and so is one for a single star");
        }

        string[] Names(string pattern) => [.. ImageSource.Expand([pattern], download).Select(input => input.Name)];
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
        Assert.That(() => new PictureOutput(At(target), null, 1, []), Throws.TypeOf<UsageException>());

    [Test]
    public void Crops_of_odd_names_are_files_with_safe_names()
    {
        TaskAnswer answer = Answer("x", new Box(0, 0, 0.5, 0.5)), nameless = Answer("x", new Box(0, 0, 1, 1));
        var output = new PictureOutput(null, At("crops"), 2, []);
        GroundedEntity odd = answer.Entities[0] with { Name = "../../etc/passwd: \u0000 a" }, none = nameless.Entities[0] with { Name = "///" };
        output.Write(ImageInput.File("x.png"), new RgbImage(4, 4, new byte[48]), [odd, none]);
        Assert.That(Directory.GetFiles(At("crops")).Select(Path.GetFileName), Is.EquivalentTo(new[] { "x-1-etc-passwd-a.png", "x-2-box.png" }));
        Assert.That(Picture.Load(At("crops", "x-1-etc-passwd-a.png")).Width, Is.EqualTo(2));
    }

    [Test]
    public void No_picture_that_was_given_is_written_over()
    {
        Directory.CreateDirectory(At("p"));
        Directory.CreateSymbolicLink(At("link"), At("p"));
        File.WriteAllText(At("p", "a.png"), "the user's");
        File.WriteAllText(At("p", "b-1-ring.png"), "the user's");
        File.CreateSymbolicLink(At("p", "c.png"), At("p", "a.png"));
        ImageInput jpeg = ImageInput.File(At("p", "a.jpg"));
        var picture = new RgbImage(4, 4, new byte[48]);
        GroundedEntity ring = Answer("ring", new Box(0, 0, 1, 1)).Entities[0];
        using (Assert.EnterMultipleScope())
        {
            Kept(new PictureOutput(At("p"), null, 2, [jpeg, ImageInput.File(At("p", "a.png"))]), jpeg, At("p", "a.png"));
            Kept(new PictureOutput(At("link"), null, 2, [jpeg, ImageInput.File(At("p", "a.png"))]), jpeg, At("link", "a.png"));
            Kept(new PictureOutput(At("p", "a.png"), null, 1, [jpeg, ImageInput.File(At("p", "c.png"))]), jpeg, At("p", "a.png"));
            Kept(new PictureOutput(null, At("p"), 2, [ImageInput.File(At("p", "b-1-ring.png"))]), ImageInput.File("b.jpg"), At("p", "b-1-ring.png"));
            Assert.That(new PictureOutput(At("p"), null, 1, [jpeg]).Write(jpeg, picture, [ring]), Is.EqualTo(new[] { At("p", "a.png") }), "what was not given may be replaced");
        }

        void Kept(PictureOutput output, ImageInput input, string path)
        {
            Assert.That(() => output.Write(input, picture, [ring]), Throws.TypeOf<UsageException>().With.Message.StartsWith(path).And.Message.EndsWith("would replace the picture itself"));
            Assert.That(File.ReadAllText(At("p", "a.png")) + File.ReadAllText(At("p", "b-1-ring.png")), Is.EqualTo("the user'sthe user's"));
        }
    }

    [TestCase("config.json")]
    [TestCase("model.safetensors")]
    [TestCase("model.safetensors.index.json")]
    [TestCase("model-00002-of-00002.safetensors")]
    public void A_part_of_a_model_is_not_replaced_unasked(string file)
    {
        Assert.That(() => ModelFolder.RefuseToReplace(At("none"), force: false), Throws.Nothing);
        File.WriteAllText(At("golden.safetensors"), "");
        Assert.That(() => ModelFolder.RefuseToReplace(Folder, force: false), Throws.Nothing);
        File.WriteAllText(At(file), "");
        Assert.That(() => ModelFolder.RefuseToReplace(Folder, force: false), Throws.TypeOf<UsageException>().With.Message.StartsWith(At(file)));
        Assert.That(() => ModelFolder.RefuseToReplace(Folder, force: true), Throws.Nothing);
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
