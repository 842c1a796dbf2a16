using System.Diagnostics;
using System.Text.Json;
using Kosmos2.Engine;
using Kosmos2.Imaging;

namespace Kosmos2.Tests.Cli;

/// <summary>The pictures that the command writes, several pictures at once, and being stopped.</summary>
internal sealed class CliOutputTests : CliTestBase
{
    [Test]
    public async Task Devices_name_what_there_is_and_what_auto_means()
    {
        CliResult table = await CliProcess.RunAsync("devices");
        Assert.That(table.Out, Does.StartWith("cpu ").And.Match(@"\nauto +is (cpu|cuda:\d|opencl:\d)\n$"));
        CliResult lines = await CliProcess.RunAsync("devices", "--json");
        JsonElement[] devices = [.. lines.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.That(devices[0].GetProperty("device").GetString(), Is.EqualTo("cpu"));
        Assert.That(devices.Count(device => device.GetProperty("auto").GetBoolean()), Is.EqualTo(1));
        Assert.That(devices.Select(device => device.GetProperty("memory_bytes").GetInt64()), Has.All.Positive);
    }

    [Test]
    public async Task An_annotated_picture_has_the_boxes_in_it()
    {
        CliResult result = await CliProcess.RunAsync("caption", Scene(1), "--annotate", At("out.png"));
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        RgbImage drawn = Picture.Load(At("out.png"));
        (byte red, byte green, byte blue) = PictureAnnotator.ColorOf(0);
        int colored = Enumerable.Range(0, drawn.Width * drawn.Height).Count(i => drawn.Pixels.AsSpan(3 * i, 3).SequenceEqual([red, green, blue]));
        Assert.That((drawn.Width, drawn.Height), Is.EqualTo((448, 448)));
        Assert.That(colored, Is.GreaterThan(500));
        Assert.That(Directory.GetFiles(Folder), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Several_pictures_are_annotated_into_a_folder_and_keep_apart()
    {
        Directory.CreateDirectory(At("a"));
        Directory.CreateDirectory(At("b"));
        File.Copy(Scene(1), At("a", "scene.png"));
        File.Copy(Scene(2), At("b", "scene.png"));
        CliResult result = await CliProcess.RunAsync("caption", At("**/scene.png"), "--annotate", At("out"));
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(Directory.GetFiles(At("out")).Select(Path.GetFileName), Is.EquivalentTo(new[] { "scene.png", "scene-2.png" }));
        Assert.That(result.Lines[0], Does.StartWith(At("a", "scene.png") + ": An image of"));
    }

    [Test]
    public async Task Crops_are_the_pixels_of_the_boxes()
    {
        CliResult result = await CliProcess.RunAsync("caption", Scene(1), "--crop", At("crops"));
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(Directory.GetFiles(At("crops")).Select(Path.GetFileName), Is.EquivalentTo(new[] { "scene-1-1-a-white-circle.png", "scene-1-2-a-yellow-cross.png" }));
        RgbImage crop = Picture.Load(At("crops", "scene-1-1-a-white-circle.png"));
        int middle = 3 * ((crop.Height / 2 * crop.Width) + (crop.Width / 2));
        Assert.That(crop.Pixels[middle..(middle + 3)], Has.All.GreaterThan(225), "the middle of a white circle is white");
    }

    [Test]
    public async Task A_bad_picture_does_not_stop_the_others()
    {
        File.WriteAllText(At("bad.png"), "no picture");
        CliResult result = await CliProcess.RunAsync("caption", Scene(1), At("bad.png"), At("none.png"), Scene(2), "--json");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(2));
            Assert.That(result.Lines, Has.Length.EqualTo(2));
            Assert.That(result.Lines[1], Does.Contain("scene-2.png"));
            Assert.That(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(2).And.All.StartsWith("kosmos2: error: "));
        }
    }

    [Test]
    public async Task A_picture_is_never_replaced_by_its_annotation()
    {
        File.Copy(Scene(1), At("scene.png"));
        CliResult result = await CliProcess.RunAsync("caption", At("scene.png"), "--annotate", At("scene.png"));
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.Contain("would replace the picture itself"));
        Assert.That(File.ReadAllBytes(At("scene.png")), Is.EqualTo(File.ReadAllBytes(Scene(1))));
    }

    [Test]
    public async Task Nor_is_another_picture_of_the_run()
    {
        File.WriteAllBytes(At("a.jpg"), File.ReadAllBytes(Scene(1)));
        File.Copy(Scene(4), At("a.png"));
        CliResult result = await CliProcess.RunAsync("caption", Folder, "--annotate", Folder);
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.StartWith($"kosmos2: error: {At("a.png")}: the annotated picture would replace the picture itself"));
        Assert.That(result.Out, Does.Contain("a purple circle"), "the second picture is still scene 4");
        Assert.That(File.ReadAllBytes(At("a.png")), Is.EqualTo(File.ReadAllBytes(Scene(4))));
    }

    [Test]
    public async Task A_target_that_cannot_be_written_is_named()
    {
        File.WriteAllText(At("file"), "");
        CliResult folder = await CliProcess.RunAsync("caption", Scene(1), "--annotate", At("file", "below"));
        CliResult crop = await CliProcess.RunAsync("caption", Scene(1), "--crop", At("file"));
        Assert.That((folder.ExitCode, crop.ExitCode), Is.EqualTo((2, 2)));
        Assert.That(folder.Error, Does.StartWith("kosmos2: error: " + At("file", "below")));
        Refused(crop, "is a file");
    }

    [Test]
    public async Task Ctrl_C_stops_cleanly_between_whole_lines_and_whole_files()
    {
        if (OperatingSystem.IsWindows())
            Assert.Inconclusive("not run: signals are sent with kill");
        string[] images = [.. Enumerable.Repeat(Scene(4), 5000)];
        using Process process = CliProcess.StartInterruptible(["caption", .. images, "--json", "--annotate", At("out")]);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string first = (await process.StandardOutput.ReadLineAsync())!;
        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"]))
            await kill.WaitForExitAsync();
        Task<string> rest = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(60)))
        {
            process.Kill();
            Assert.Fail("Ctrl-C did not stop it within a minute");
        }
        using (Assert.EnterMultipleScope())
        {
            Assert.That(process.ExitCode, Is.EqualTo(130));
            Assert.That(await error, Is.EqualTo("kosmos2: stopped\n"));
            Assert.That((first + "\n" + await rest).Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.All.StartsWith("{").And.All.EndsWith("}"));
            Assert.That(Directory.GetFiles(At("out")).Select(Path.GetExtension), Is.Not.Empty.And.All.EqualTo(".png"));
            foreach (string file in Directory.GetFiles(At("out")))
                Assert.That(() => Picture.Load(file), Throws.Nothing);
        }
    }
}
