using System.CommandLine;
using System.Globalization;
using Kosmos2.Cli.Images;
using Kosmos2.Cli.Output;
using Kosmos2.Engine;
using Kosmos2.Engine.Calibration;
using Kosmos2.Imaging;
using Kosmos2.Weights;

namespace Kosmos2.Cli.Commands;

/// <summary>Writes a model with smaller weights.</summary>
internal static class QuantizeCommand
{
    public static Command Make()
    {
        var source = new Argument<string>("IN") { Description = "The model's folder, or its name in Hugging Face's cache." };
        var destination = new Argument<string>("OUT") { Description = "The folder to write; it is made if need be." };
        var format = new Option<string>("--format") { Description = "bf16, int8 (a scale a row) or int4 (a scale a group).", HelpName = "FORMAT", Required = true };
        var group = new Option<int>("--group-size") { Description = "Weights that share a scale in int4: 32, 64 or 128.", HelpName = "N", DefaultValueFactory = _ => 32 };
        var keep = new Option<string[]>("--keep")
        {
            Description = "Modules to leave as they are: a whole name, or re: and a pattern. May be given several times.",
            HelpName = "MODULE",
            DefaultValueFactory = _ => [],
        };
        var embedding = new Option<string?>("--embedding") { Description = "Format of the token embeddings and the head, or stored to leave them as they are; without it that of --format, but int8 where that is int4.", HelpName = "FORMAT" };
        var encoder = new Option<string?>("--encoder")
        {
            Description = "Format of the vision encoder and the projection; without it that of --format, but int8 where that is int4.",
            HelpName = "FORMAT",
        };
        var absMax = new Option<bool>("--absmax") { Description = "Scales that just hold the largest weight, instead of those of the least error." };
        var calibrate = new Option<string[]>("--calibrate")
        {
            Description = "Pictures (files, folders, patterns) to run the model on first, so that the integers suit what its layers are given.",
            HelpName = "IMAGE",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
        var pack = new Option<bool>("--pack") { Description = "Write the weights in the order of this CPU's kernels too, as kosmos2 pack does." };
        var force = new Option<bool>("--force") { Description = "Replace a model that is there." };
        var command = new Command("quantize", "Write the model with smaller weights, as compressed-tensors stores them.")
        {
            source, destination, format, group, keep, embedding, encoder, absMax, calibrate, pack, force,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            var options = new QuantizeOptions
            {
                Format = ModelOptions.FormatOf(parse.GetRequiredValue(format), "--format"),
                GroupSize = parse.GetValue(group),
                Keep = parse.GetRequiredValue(keep),
                Embedding = parse.GetValue(embedding) is string name ? ModelOptions.FormatOf(name, "--embedding") : null,
                Encoder = parse.GetValue(encoder) is string one ? ModelOptions.FormatOf(one, "--encoder") : null,
                SearchScales = !parse.GetValue(absMax),
            };
            IReadOnlyList<RgbImage> pictures = await LoadAsync(parse.GetRequiredValue(calibrate), cancellation).ConfigureAwait(false);
            string made = parse.GetRequiredValue(destination);
            return await Task.Run(
                () =>
                {
                    Run(parse.GetRequiredValue(source), made, options, pictures, parse.GetValue(force), cancellation);
                    return parse.GetValue(pack) ? PackCommand.Run(made, new EngineOptions(), cancellation) : ExitCode.Ok;
                }, cancellation).ConfigureAwait(false);
        });
        return Examples.Attach(command,
            "kosmos2 quantize models/kosmos2-shapes shapes-int8/ --format int8 --pack",
            "kosmos2 quantize models/kosmos2-shapes shapes-int4/ --format int4 --calibrate Kosmos2.Tests/Data/shapes",
            "kosmos2 quantize models/kosmos2-shapes linear-int4/ --format int4 --group-size 64 --embedding stored",
            "kosmos2 quantize kosmos-2-patch14-224/ text-int4/ --format int4 --keep re:vision_model");
    }

    private static async Task<IReadOnlyList<RgbImage>> LoadAsync(string[] names, CancellationToken cancellation)
    {
        using var download = new ImageDownload(TimeSpan.FromSeconds(30));
        var pictures = new List<RgbImage>();
        foreach (ImageInput input in ImageSource.Expand(names, download))
            pictures.Add(await input.LoadAsync(new PictureOptions(), cancellation).ConfigureAwait(false));
        return pictures;
    }

    private static void Run(
        string source, string destination, QuantizeOptions options, IReadOnlyList<RgbImage> pictures, bool force, CancellationToken cancellation)
    {
        string folder = ModelFolder.Find(source);
        if (options.Format == WeightFormat.Stored)
            throw new UsageException("--format stored: bf16, int8 or int4 is wanted");
        if (options.GroupSize is not (32 or 64 or 128))
            throw new UsageException($"--group-size {options.GroupSize}: 32, 64 or 128 is wanted");
        ModelFolder.RefuseToReplace(destination, force);
        if (pictures.Count > 0 && (options.Format == WeightFormat.BFloat16 || !options.SearchScales))
            throw new UsageException("--calibrate is for int8 and int4, and does not go with --absmax");
        long before = SizeOf(folder);
        if (pictures.Count > 0)
            options = options with { Inputs = Activity.Show("calibrating", () => ActivationCalibration.Run(folder, pictures, cancellation)) };
        Activity.ShowBytes($"writing {destination}", before, progress => CheckpointQuantizer.Write(folder, destination, options, progress, cancellation));
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"wrote {destination}: {Sizes.Bytes(SizeOf(destination))}, from {Sizes.Bytes(before)}"));
    }

    // Of all tensors' data.
    private static long SizeOf(string folder)
    {
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        return checkpoint.Files.Sum(file => file.Entries.Sum(entry => entry.ByteLength));
    }
}
