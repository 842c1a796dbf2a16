using Kosmos2.Engine.Validation;
using Spectre.Console;
using static System.FormattableString;

namespace Kosmos2.Cli.Output;

/// <summary>Shows how files of reference outputs compare, each as soon as it is done, and the total.</summary>
internal abstract class ParityOutput
{
    /// <summary>Whether nothing differed, and something was compared.</summary>
    public bool AllEqual => Passed == Total && Total > 0;

    protected int Files { get; private set; }

    protected int Passed { get; private set; }

    protected int Total { get; private set; }

    protected int LeftOut { get; private set; }

    public void Add(ParityResult result)
    {
        Files += result.Total > 0 ? 1 : 0;
        LeftOut += result.NotCompared is null ? 0 : 1;
        Passed += result.Passed;
        Total += result.Total;
        Show(result);
    }

    public abstract void Finish();

    protected abstract void Show(ParityResult result);
}

/// <summary>As lines: <c>ok  processor/tokenizer.jsonl  609 of 609</c>, the first cases that differ below.</summary>
internal sealed class ParityText : ParityOutput
{
    private const int Shown = 5;

    public override void Finish()
    {
        string leftOut = LeftOut == 0 ? "" : Invariant($"; {LeftOut} not or not wholly compared");
        Console.Out.WriteLine(Invariant($"total {Passed:N0} of {Total:N0} in {Files} files{leftOut}"));
    }

    protected override void Show(ParityResult result)
    {
        string file = Markup.Escape(TextOutput.Clean(result.File));
        if (result.Total > 0)
            Consoles.Out.MarkupLine(Invariant($"{(result.Passed == result.Total ? "[green]ok[/] " : "[red]off[/]")} {file}  {result.Passed:N0} of {result.Total:N0}"));
        foreach (CaseResult one in result.Differences.Take(Shown))
            Consoles.Out.MarkupLine($"      {Markup.Escape(TextOutput.Clean($"{one.Name}: {one.Difference}"))}");
        if (result.Differences.Count > Shown)
            Consoles.Out.MarkupLine(Invariant($"      and {result.Differences.Count - Shown:N0} more"));
        if (result.NotCompared is not null)
            Consoles.Out.MarkupLine($"[yellow]--[/]  {file}  not compared: {Markup.Escape(TextOutput.Clean(result.NotCompared))}");
    }
}

/// <summary>As JSON, one object a line. The names are a promise: docs/cli.md lists them.</summary>
internal sealed class ParityJson : ParityOutput
{
    public override void Finish() => Console.Out.WriteLine(JsonLine.Of(json =>
    {
        json.WriteNumber("passed", Passed);
        json.WriteNumber("total", Total);
        json.WriteNumber("files", Files);
        json.WriteNumber("left_out", LeftOut);
    }));

    protected override void Show(ParityResult result) => Console.Out.WriteLine(JsonLine.Of(json =>
    {
        json.WriteString("file", result.File);
        json.WriteNumber("passed", result.Passed);
        json.WriteNumber("total", result.Total);
        json.WriteStartArray("differences");
        foreach (CaseResult one in result.Differences)
        {
            json.WriteStartObject();
            json.WriteString("case", one.Name);
            json.WriteString("difference", one.Difference);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("not_compared", result.NotCompared);
    }));
}
