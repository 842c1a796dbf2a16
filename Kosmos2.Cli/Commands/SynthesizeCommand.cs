using System.CommandLine;
using System.Globalization;
using Kosmos2.Cli.Output;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Cli.Commands;

/// <summary>Writes a checkpoint of deterministic weights: the real architecture, for tests and benchmarks without a download.</summary>
internal static class SynthesizeCommand
{
    public static Command Make()
    {
        var folder = new Argument<string>("DIR") { Description = "The folder to write; it is made if need be." };
        var type = new Option<string>("--dtype") { Description = "float32, float16 or bfloat16.", HelpName = "DTYPE", DefaultValueFactory = _ => "float32" };
        var config = new Option<string?>("--config") { Description = "A config.json with other sizes than the real model's.", HelpName = "FILE" };
        var force = new Option<bool>("--force") { Description = "Replace a model that is there." };
        const string Description = "Write the full-size model with made-up weights (6.7 GB as float32).";
        var command = new Command("synthesize", Description) { folder, type, config, force };
        command.SetAction((parse, cancellation) =>
        {
            string path = parse.GetRequiredValue(folder), typeName = parse.GetRequiredValue(type);
            return Task.Run(() => Run(path, typeName, parse.GetValue(config), parse.GetValue(force), cancellation), cancellation);
        });
        return Examples.Attach(command,
            "kosmos2 synthesize full-size/",
            "kosmos2 synthesize full-size-bf16/ --dtype bfloat16",
            "kosmos2 synthesize small/ --config models/kosmos2-shapes/config.json");
    }

    private static int Run(string folder, string typeName, string? configFile, bool force, CancellationToken cancellation)
    {
        DType type = typeName switch
        {
            "float32" => DType.F32,
            "float16" => DType.F16,
            "bfloat16" => DType.BF16,
            _ => throw new UsageException($"--dtype {typeName}: float32, float16 or bfloat16 is wanted"),
        };
        ModelFolder.RefuseToReplace(folder, force);
        string file = Path.Combine(folder, ModelFiles.SingleFile);
        Kosmos2Config config = configFile is null ? new Kosmos2Config() : Kosmos2Config.Load(configFile);
        long weights = SyntheticCheckpoint.CountWeights(config);
        long bytes = weights * type.SizeInBytes();
        CheckRoom(folder, bytes);

        Activity.ShowBytes($"writing {file}", bytes, progress => SyntheticCheckpoint.Write(folder, config, type, progress, cancellation));
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"wrote {file}: {weights:N0} weights, {Sizes.Bytes(bytes)}"));
        return ExitCode.Ok;
    }

    private static void CheckRoom(string folder, long bytes)
    {
        DirectoryInfo place = Directory.CreateDirectory(folder);
        long free = new DriveInfo(place.FullName).AvailableFreeSpace;
        if (free < bytes)
            throw new UsageException($"{folder}: {Sizes.Bytes(bytes)} are wanted, {Sizes.Bytes(free)} are free");
    }
}
