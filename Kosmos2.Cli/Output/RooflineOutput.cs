using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;
using static System.FormattableString;

namespace Kosmos2.Cli.Output;

/// <summary>The machine's limits as text and as JSON.</summary>
internal static class RooflineOutput
{
    private const string Busy = "  (no whole number: something else was running)";

    public static void Print(MachinePeaks peaks)
    {
        Console.Out.WriteLine(Invariant($"{peaks.Threads} {(peaks.Threads == 1 ? "thread" : "threads")}, {peaks.Clock / 1e9:F2} GHz"));
        foreach (PeakLoop loop in peaks.Loops.Where(loop => loop != PeakLoop.Clock))
            Console.Out.WriteLine(Invariant($"  {loop.Name(),-10} {peaks.Peak(loop) / 1e9,8:F0} G operations/s  {peaks.PerCycle(loop):F2} instructions a cycle and core{(peaks.IsReached(loop) ? "" : Busy)}"));
        Console.Out.WriteLine(Invariant($"  {"reading",-10} {peaks.Bandwidth / 1e9,8:F1} GB/s"));
    }

    public static string Json(MachinePeaks peaks) => JsonLine.Of(json =>
    {
        json.WriteString("processor", CpuDescription.Name);
        json.WriteNumber("threads", peaks.Threads);
        json.WriteNumber("clock_hz", Math.Round(peaks.Clock));
        json.WriteNumber("read_bytes_per_second", Math.Round(peaks.Bandwidth));
        json.WriteStartObject("operations_per_second");
        foreach (PeakLoop loop in peaks.Loops.Where(loop => loop != PeakLoop.Clock))
            json.WriteNumber(loop.Name(), Math.Round(peaks.Peak(loop)));
        json.WriteEndObject();
        json.WriteBoolean("undisturbed", peaks.IsUndisturbed);
    });
}
