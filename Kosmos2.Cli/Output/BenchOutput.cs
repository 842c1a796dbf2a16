using Kosmos2.Engine.Measurement;
using Spectre.Console;
using static System.FormattableString;

namespace Kosmos2.Cli.Output;

/// <summary>A model's measurements as a table and as JSON.</summary>
internal static class BenchOutput
{
    public static void Print(BenchReport report)
    {
        Console.Out.WriteLine(report.Processor);
        Console.Out.WriteLine(report.Device);
        if (report.Limits is { } limits)
        {
            Console.Out.WriteLine(Invariant($"limits: {limits.Clock / 1e9:F2} GHz, reading {limits.Bandwidth / 1e9:F1} GB/s{(limits.StepBandwidth is double step ? Invariant($" ({step / 1e9:F1} over a step's bytes)") : "")}, {limits.FloatPeak / 1e9:F0} G operations/s in F32, {limits.BFloat16Peak / 1e9:F0} in BF16, {limits.Int8Peak / 1e9:F0} in 8-bit and {limits.Int4Peak / 1e9:F0} in 4-bit integers{(limits.IsUndisturbed ? "" : " (something else was running)")}"));
        }
        else
        {
            Console.Out.WriteLine(BenchReport.NoLimits);
        }
        Table table = new Table().NoBorder().AddColumn("part");
        foreach (string title in (string[])["rows", "ms", "GB/s", "G operations/s", "of the limit", "of reading"])
            table.AddColumn(title, column => column.RightAligned());
        foreach (BenchFigure figure in report.Figures)
        {
            table.AddRow(figure.Name, Invariant($"{figure.Rows}"), Milliseconds(figure.Seconds), Invariant($"{figure.BytesPerSecond / 1e9:F1}"),
                Invariant($"{figure.OperationsPerSecond / 1e9:F0}"), Percent(figure.Share), Percent(figure.ReadingShare));
        }
        Consoles.Out.Write(table);
        Console.Out.WriteLine(Invariant($"first token    {Milliseconds(report.Answer.FirstToken)} ms; the very first {Milliseconds(report.ColdFirstToken)} ms"));
        Console.Out.WriteLine(Invariant($"end to end     {Milliseconds(report.Answer.Total)} ms: picture, {report.PromptTokens} tokens of prompt, {report.AnswerTokens} of answer"));
        Console.Out.WriteLine(Invariant($"ready          {Milliseconds(report.Ready)} ms"));
        Console.Out.WriteLine($"peak memory    {Sizes.Bytes(report.PeakMemory)}, weights {Sizes.Bytes(report.WeightBytes)}");
        foreach (string failure in report.Failures)
            Console.Out.WriteLine(failure);
    }

    public static string Json(BenchReport report) => JsonLine.Of(json => BenchJson.Write(json, report));

    private static string Percent(double? share) => share is double part ? Invariant($"{100 * part:F0}%") : "-";

    private static string Milliseconds(double seconds) => Invariant($"{seconds * 1e3:F1}");
}
