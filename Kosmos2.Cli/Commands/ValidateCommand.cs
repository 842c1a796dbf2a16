using System.CommandLine;
using Kosmos2.Cli.Output;
using Kosmos2.Cli.Tasks;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;
using Spectre.Console;
using static System.FormattableString;

namespace Kosmos2.Cli.Commands;

/// <summary>Compares a model with reference outputs, stage by stage and case by case.</summary>
internal static class ValidateCommand
{
    public static Command Make()
    {
        var model = new Argument<string>("MODEL") { Description = "The model's folder." };
        const string GoldenDescription = "Reference outputs: a safetensors file, or a folder with golden.safetensors and its cases.";
        var golden = new Argument<string>("GOLDEN") { Description = GoldenDescription };
        var quiet = new Option<bool>("--quiet") { Description = "Only what is out of tolerance, and the summary." };
        var options = new ModelOptions(choosesModel: false);
        var command = new Command("validate", "Compare every stage of a model with reference outputs.") { model, golden, quiet };
        options.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            ModelChoice choice = options.Read(parse) with { Folder = parse.GetRequiredValue(model) };
            string reference = parse.GetRequiredValue(golden);
            return Task.Run(() => Run(choice, reference, parse.GetValue(quiet), cancellation), cancellation);
        });
        return Examples.Attach(command,
            "kosmos2 validate models/kosmos2-shapes Kosmos2.Tests/Data/shapes",
            "kosmos2 validate Kosmos2.Tests/Data/models/upstream-test Kosmos2.Tests/Data/models/upstream-test --device opencl");
    }

    private static int Run(ModelChoice choice, string golden, bool quiet, CancellationToken cancellation)
    {
        string folder = ModelFolder.Find(choice.Folder);
        ValidationReport report =
            Activity.Show("validating", () => ModelValidator.Run(folder, golden, choice.Engine, path => Picture.Load(path), cancellation));

        StageResult[] stages = [.. report.Stages.Where(stage => !quiet || !stage.Passed)];
        CaseResult[] cases = [.. report.Cases.Where(item => !quiet || !item.Passed)];
        if (stages.Length > 0)
            Consoles.Out.Write(Stages(stages));
        foreach (CaseResult item in cases)
        {
            string text = item.Difference is null ? item.Name : $"{item.Name}: {item.Difference}";
            Consoles.Out.MarkupLine($"{Verdict(item.Passed)} {Markup.Escape(TextOutput.Clean(text))}");
        }
        if (report.FirstDifference is not null)
            Console.Out.WriteLine($"first differing: {TextOutput.Clean(report.FirstDifference)}");
        if (report.NotCompared.Count > 0)
            Console.Out.WriteLine($"not compared: {TextOutput.Clean(string.Join(", ", report.NotCompared))}");
        Console.Out.WriteLine(report.Summary);
        return report.Passed ? ExitCode.Ok : ExitCode.Failed;
    }

    private static Table Stages(IEnumerable<StageResult> stages)
    {
        Table table = new Table().NoBorder().AddColumns("", "stage");
        foreach (string title in new[] { "values", "max abs", "max rel", "cosine" })
            table.AddColumn(title, column => column.RightAligned());
        foreach (StageResult stage in stages)
        {
            table.AddRow(
                Verdict(stage.Passed), Markup.Escape(TextOutput.Clean(stage.Name)), Invariant($"{stage.Values:N0}"),
                Invariant($"{stage.MaxAbsolute:0.0e+0}"), Invariant($"{stage.MaxRelative:0.0e+0}"), Invariant($"{stage.Cosine:0.00000000}"));
        }
        return table;
    }

    private static string Verdict(bool passed) => passed ? "[green]ok[/]" : "[red]off[/]";
}
