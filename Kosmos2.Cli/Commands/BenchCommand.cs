using System.CommandLine;
using Kosmos2.Cli.Output;
using Kosmos2.Cli.Tasks;
using Kosmos2.Engine.Measurement;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;
using Kosmos2.Kernels.Cpu.Threading;
using Kosmos2.Kernels.Gpu.Profiling;

namespace Kosmos2.Cli.Commands;

/// <summary>Measures a model, beside what this machine's processor can do at most, or the latter alone.</summary>
internal static class BenchCommand
{
    private const int RooflineTurns = 8;
    private const int ProductTurns = 3;
    private const int MostThreads = 1024;

    public static Command Make()
    {
        Argument<string?> model = ModelOptions.Argument();
        var roofline = new Option<bool>("--roofline") { Description = "No model: the machine's limits, and every product of the real model as a share of them; without --threads on 1 and on one a physical core." };
        var profile = new Option<bool>("--profile") { Description = "On a GPU: which kernels a picture, a prompt and a token of 1, 4 and 16 sequences take their time in." };
        var turns = new Option<int>("--turns") { Description = "Measure so many times; the best counts.", HelpName = "N", DefaultValueFactory = _ => 3 };
        var json = new Option<bool>("--json") { Description = "One JSON object, or with --roofline one a number of threads and one a product, with --profile one a kernel." };
        SharedOptions.Positive(turns);
        var options = new ModelOptions(choosesModel: false);
        var command = new Command("bench", "Measure a model, and the limits of this machine.") { model, roofline, profile, turns, json };
        options.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(
            () =>
            {
                ModelChoice choice = options.Read(parse) with { Folder = parse.GetValue(model) };
                if (choice.Threads > MostThreads)
                    throw new UsageException($"--threads {choice.Threads}: at most {MostThreads} are wanted");
                if (parse.GetValue(profile) && parse.GetValue(roofline))
                    throw new UsageException("bench: --roofline measures the processor, --profile a model's kernels on a GPU; take one of them");
                if (parse.GetValue(profile))
                    return Profile(choice, parse.GetValue(turns), parse.GetValue(json), cancellation);
                if (!parse.GetValue(roofline))
                    return Measure(choice, parse.GetValue(turns), parse.GetValue(json), cancellation);
                if (choice.Folder is not null)
                    throw new UsageException($"bench --roofline: measures the machine, no model, and {choice.Folder} is one");
                return Roofline(choice.Threads is int given ? [given] : [.. new[] { 1, Cores.Available() }.Distinct()], parse.GetValue(json), cancellation);
            }, cancellation));
        return Examples.Attach(command,
            "kosmos2 bench", "kosmos2 bench full-size/ --threads 2 --weights packed --turns 5", "kosmos2 bench full-size/ --format int8 --json",
            "kosmos2 bench full-size/ --device cuda --profile", "kosmos2 bench --roofline", "kosmos2 bench --roofline --threads 2 --json");
    }

    private static int Measure(ModelChoice choice, int turns, bool json, CancellationToken cancellation)
    {
        string folder = ModelFolder.Find(choice.Folder);
        BenchReport report = Activity.Show("measuring", () => ModelBench.Run(folder, choice.Engine, turns, cancellation: cancellation));
        if (json)
            Console.Out.WriteLine(BenchOutput.Json(report));
        else
            BenchOutput.Print(report);
        return report.Failures.Any() ? ExitCode.Failed : ExitCode.Ok;
    }

    private static int Profile(ModelChoice choice, int turns, bool json, CancellationToken cancellation)
    {
        string folder = ModelFolder.Find(choice.Folder);
        foreach (ProfiledPart part in Activity.Show("measuring", () => ModelProfile.Run(folder, choice.Engine, turns, cancellation)))
        {
            if (!json)
                ProfileOutput.Print(part);
            else
                foreach (KernelTime kernel in part.Kernels)
                    Console.Out.WriteLine(ProfileOutput.Json(part, kernel));
        }
        return ExitCode.Ok;
    }

    private static int Roofline(int[] counts, bool json, CancellationToken cancellation)
    {
        bool possible = true;
        foreach (int threads in counts)
        {
            using MachinePeaks peaks = MachinePeaks.TryCreate(new CpuOptions { Threads = threads })
                ?? throw new UsageException("bench --roofline: wants an x64 processor with FMA and its vectors, and leave to make code executable, from the system and from KOSMOS2_DISABLE");
            if (!json && threads == counts[0])
                Console.Out.WriteLine(CpuDescription.Name);
            Limits(peaks, cancellation);
            ProductShare[] products = Products(peaks, cancellation);
            ShareRule.Repeat(() => !peaks.IsUndisturbed || products.Any(product => product.IsImpossible), () => Limits(peaks, cancellation));
            if (json)
                Console.Out.WriteLine(RooflineOutput.Json(peaks));
            else
                RooflineOutput.Print(peaks);
            foreach (ProductShare product in products)
            {
                if (json)
                    Console.Out.WriteLine(ProductOutput.Json(product));
                else
                    ProductOutput.Print(product);
            }
            possible &= !products.Any(product => product.IsImpossible);
        }
        return possible ? ExitCode.Ok : ExitCode.Failed;
    }

    private static void Limits(MachinePeaks peaks, CancellationToken cancellation)
    {
        for (int turn = 0; turn < RooflineTurns; turn++)
        {
            cancellation.ThrowIfCancellationRequested();
            peaks.Measure();
        }
    }

    // Shares are taken of the best limits, which are known at the end.
    private static ProductShare[] Products(MachinePeaks peaks, CancellationToken cancellation)
    {
        ProductShape[] shapes = [.. ProductShape.OfTheModel];
        using var roofline = new ProductRoofline(peaks, shapes);
        return
        [
            .. from form in ProductForm.Of(peaks)
               from weight in shapes.GroupBy(shape => (shape.Outputs, shape.Inputs))
               where form.Takes(weight.Key.Inputs)
               from product in roofline.Measure(form, weight.Key.Outputs, weight.Key.Inputs, [.. weight.Select(shape => shape.Rows)], ProductTurns, cancellation)
               select product,
        ];
    }
}
