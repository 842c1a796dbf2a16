using System.Globalization;
using Kosmos2.Engine.Measurement;
using Spectre.Console;

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
            Console.Out.WriteLine(Invariant($"limits: {limits.Clock / 1e9:F2} GHz, reading {limits.Bandwidth / 1e9:F1} GB/s, {limits.FloatPeak / 1e9:F0} G operations/s in F32, {limits.BFloat16Peak / 1e9:F0} in BF16, {limits.IntegerPeak / 1e9:F0} in integers{(limits.IsUndisturbed ? "" : " (something else was running)")}"));
        }
        Table table = new Table().NoBorder().AddColumn("part");
        foreach (string title in (string[])["rows", "ms", "GB/s", "G operations/s", "of the limit"])
            table.AddColumn(title, column => column.RightAligned());
        foreach (BenchFigure figure in report.Figures)
        {
            table.AddRow(figure.Name, Invariant($"{figure.Rows}"), Milliseconds(figure.Seconds), Invariant($"{figure.BytesPerSecond / 1e9:F1}"),
                Invariant($"{figure.OperationsPerSecond / 1e9:F0}"), figure.Share is double share ? Invariant($"{100 * share:F0}%") : "-");
        }
        Consoles.Out.Write(table);
        Console.Out.WriteLine(Invariant($"first token    {Milliseconds(report.Answer.FirstToken)} ms; the very first {Milliseconds(report.ColdFirstToken)} ms"));
        Console.Out.WriteLine(Invariant($"end to end     {Milliseconds(report.Answer.Total)} ms: picture, {report.PromptTokens} tokens of prompt, {report.AnswerTokens} of answer"));
        Console.Out.WriteLine(Invariant($"ready          {Milliseconds(report.Ready)} ms"));
        Console.Out.WriteLine($"peak memory    {Sizes.Bytes(report.PeakMemory)}, weights {Sizes.Bytes(report.WeightBytes)}");
        foreach (BenchFigure figure in report.Impossible)
            Console.Out.WriteLine(Invariant($"failed: {figure.Name} at {100 * figure.Share:F0}% of the machine's limit: one of the two is measured or counted wrongly"));
    }

    public static string Json(BenchReport report) => JsonLine.Of(json =>
    {
        json.WriteString("processor", report.Processor);
        json.WriteString("device", report.Device);
        if (report.Limits is { } limits)
        {
            json.WriteStartObject("limits");
            json.WriteNumber("clock_hz", Math.Round(limits.Clock));
            json.WriteNumber("read_bytes_per_second", Math.Round(limits.Bandwidth));
            json.WriteNumber("float_operations_per_second", Math.Round(limits.FloatPeak));
            json.WriteNumber("bfloat16_operations_per_second", Math.Round(limits.BFloat16Peak));
            json.WriteNumber("integer_operations_per_second", Math.Round(limits.IntegerPeak));
            json.WriteBoolean("undisturbed", limits.IsUndisturbed);
            json.WriteEndObject();
        }
        json.WriteStartArray("parts");
        foreach (BenchFigure figure in report.Figures)
        {
            json.WriteStartObject();
            json.WriteString("name", figure.Name);
            json.WriteNumber("rows", figure.Rows);
            json.WriteNumber("ms", Rounded(figure.Seconds));
            json.WriteNumber("weight_bytes", Math.Round(figure.Work.Bytes));
            json.WriteNumber("operations", Math.Round(figure.Work.Operations));
            if (figure.Share is double share)
                json.WriteNumber("share", Math.Round(share, 4));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("first_token_ms", Rounded(report.Answer.FirstToken));
        json.WriteNumber("cold_first_token_ms", Rounded(report.ColdFirstToken));
        json.WriteNumber("prompt_tokens", report.PromptTokens);
        json.WriteNumber("answer_tokens", report.AnswerTokens);
        json.WriteNumber("end_to_end_ms", Rounded(report.Answer.Total));
        json.WriteNumber("ready_ms", Rounded(report.Ready));
        json.WriteNumber("peak_memory_bytes", report.PeakMemory);
        json.WriteNumber("weight_bytes", report.WeightBytes);
        json.WriteBoolean("possible", !report.Impossible.Any());
    });

    private static double Rounded(double seconds) => Math.Round(seconds * 1e3, 3);

    private static string Milliseconds(double seconds) => Invariant($"{seconds * 1e3:F1}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
