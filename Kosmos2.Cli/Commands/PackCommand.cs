using System.CommandLine;
using Kosmos2.Cli.Output;
using Kosmos2.Engine;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Cli.Commands;

/// <summary>Writes a model's weights in the order of this CPU's kernels, beside the model.</summary>
internal static class PackCommand
{
    public static Command Make()
    {
        Argument<string?> model = ModelOptions.Argument();
        var precision = new Option<string?>("--precision") { Description = "The products that they are for; without it, fast for quantized models and exact for others.", HelpName = "exact|fast" };
        ModelOptions.OneOf<ProductPrecision>(precision);
        var threads = new Option<int>("--threads") { Description = "CPU threads; without it, one a physical core.", HelpName = "N" };
        SharedOptions.Positive(threads);
        var command = new Command("pack", "Write the model's weights in the order of this CPU's kernels, beside the model: the first answer comes sooner, in less memory.") { model, precision, threads };
        command.SetAction((parse, cancellation) => Task.Run(
            () =>
            {
                var options = new EngineOptions { Threads = parse.GetValue(threads), Products = ModelOptions.Value<ProductPrecision>(parse.GetValue(precision)) };
                return Run(ModelFolder.Find(parse.GetValue(model)), options, cancellation);
            }, cancellation));
        return Examples.Attach(command, "kosmos2 pack", "kosmos2 pack shapes-int8/", "kosmos2 pack kosmos-2-patch14-224/ --precision fast");
    }

    /// <summary>Packs a model's folder.</summary>
    public static int Run(string folder, EngineOptions options, CancellationToken cancellation)
    {
        string path = "";
        Activity.ShowBytes("packing", EngineOptions.WeightBytes(folder), progress => path = ModelPanels.Write(folder, options, progress, cancellation));
        Console.Out.WriteLine($"wrote {path}: {Sizes.Bytes(new FileInfo(path).Length)}");
        return ExitCode.Ok;
    }
}
