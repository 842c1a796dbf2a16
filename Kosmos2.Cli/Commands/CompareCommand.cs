using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Kosmos2.Cli.Output;
using Kosmos2.Cli.Tasks;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;
using Spectre.Console;

namespace Kosmos2.Cli.Commands;

/// <summary>Says how far a model, say a quantized one, is from a reference.</summary>
internal static class CompareCommand
{
    private static readonly JsonSerializerOptions Names = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Make()
    {
        var model = new Argument<string>("MODEL") { Description = "The model under test." };
        var reference = new Argument<string>("REFERENCE") { Description = "A model of the same vocabulary; its weights stay as they are stored." };
        var shapes = new Option<string?>("--shapes") { Description = "A folder with cases.jsonl and pictures; without it, random tokens after a random picture.", HelpName = "DIR" };
        var cases = new Option<int?>("--cases") { Description = "Take so many cases, evenly from the whole file.", HelpName = "N" };
        var answers = new Option<bool>("--answers") { Description = "With --shapes: let both models answer, and judge the answers." };
        var json = new Option<bool>("--json") { Description = "One JSON object instead of the table." };
        SharedOptions.Positive(cases);
        var options = new ModelOptions(choosesModel: false);
        var command = new Command("compare", "Compare a model's predictions with a reference's, token by token.") { model, reference, shapes, cases, answers, json };
        options.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            ModelChoice choice = options.Read(parse) with { Folder = parse.GetRequiredValue(model) };
            return Task.Run(() =>
            {
                ComparisonReport report = Run(choice, parse.GetRequiredValue(reference), parse.GetValue(shapes), parse.GetValue(cases), parse.GetValue(answers), cancellation);
                if (parse.GetValue(json))
                    Console.Out.WriteLine(JsonSerializer.Serialize(report, Names));
                else
                    Consoles.Out.Write(Table(report));
                return ExitCode.Ok;
            }, cancellation);
        });
        return Examples.Attach(command,
            "kosmos2 compare models/kosmos2-shapes models/kosmos2-shapes --format int4",
            "kosmos2 compare shapes-int8/ models/kosmos2-shapes --shapes Kosmos2.Tests/Data/shapes --answers");
    }

    private static ComparisonReport Run(ModelChoice choice, string reference, string? shapes, int? cases, bool answers, CancellationToken cancellation)
    {
        if (shapes is null && (answers || cases is not null))
            throw new UsageException("--answers and --cases need --shapes DIR");
        string folder = ModelFolder.Find(choice.Folder), other = ModelFolder.Find(reference);
        try
        {
            return Activity.Show("comparing", () => ModelComparer.Run(folder, other, choice.Engine, shapes, path => Picture.Load(path), cases, answers, cancellation));
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message);
        }
    }

    private static Table Table(ComparisonReport report)
    {
        Table table = new Table().NoBorder().HideHeaders().AddColumn("what").AddColumn("value", column => column.RightAligned());
        LogitStatistics logits = report.Logits;
        Row("rows of logits", $"{logits.Rows:N0}");
        Row("KL divergence, mean", $"{logits.MeanDivergence:0.00e+0}");
        Row("KL divergence, median", $"{logits.MedianDivergence:0.00e+0}");
        Row("KL divergence, 99.9%", $"{logits.HighDivergence:0.00e+0}");
        Row("same top token", $"{100 * logits.SameTop:0.00}%");
        Row("largest probability change", $"{100 * logits.LargestProbabilityChange:0.00}%");
        Row("relative L2 of logits", $"{100 * logits.RelativeError:0.000}%");
        if (report.Answers is { } answers)
        {
            Row("answers", $"{answers.Cases:N0}");
            Row("equal answers", $"{100 * answers.Equal:0.0}%");
            Row("right answers (reference)", $"{100 * answers.Accuracy:0.0}% ({100 * answers.ReferenceAccuracy:0.0}%)");
            Row("box IoU (reference)", $"{answers.MeanIou:0.000} ({answers.ReferenceMeanIou:0.000})");
        }
        return table;

        void Row(string what, FormattableString value) => table.AddRow(what, Markup.Escape(value.ToString(CultureInfo.InvariantCulture)));
    }
}
