using System.CommandLine;
using System.Globalization;
using Kosmos2.Cli.Output;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Cli.Commands;

/// <summary>Measures what this machine's processor can do at most.</summary>
internal static class BenchCommand
{
    private const int Turns = 8;
    private const int MostThreads = 1024;
    private const string Busy = "  (no whole number: something else was running)";

    public static Command Make()
    {
        var roofline = new Option<bool>("--roofline") { Description = "Measure arithmetic in registers, the clock, and reading of memory." };
        var threads = new Option<int?>("--threads") { Description = "CPU threads; without it, 1 and one a physical core.", HelpName = "N" };
        var json = new Option<bool>("--json") { Description = "One JSON object a number of threads." };
        SharedOptions.Positive(threads);
        var command = new Command("bench", "Measure the limits of this machine.") { roofline, threads, json };
        command.SetAction((parse, cancellation) => Task.Run(
            () =>
            {
                if (!parse.GetValue(roofline))
                    throw new UsageException("bench: --roofline is wanted");
                int[] counts = parse.GetValue(threads) is int given ? [given] : [.. new[] { 1, Cores.Available() }.Distinct()];
                return Run(counts, parse.GetValue(json), cancellation);
            }, cancellation));
        return Examples.Attach(command, "kosmos2 bench --roofline", "kosmos2 bench --roofline --threads 2 --json");
    }

    private static int Run(int[] counts, bool json, CancellationToken cancellation)
    {
        if (counts.Max() > MostThreads)
            throw new UsageException($"--threads {counts.Max()}: at most {MostThreads} are wanted");
        if (!json)
            Console.Out.WriteLine(CpuDescription.Name);
        foreach (int threads in counts)
        {
            using MachinePeaks peaks = MachinePeaks.TryCreate(threads)
                ?? throw new UsageException("bench --roofline: wants an x64 processor with FMA, and a system that lets code be made executable");
            for (int turn = 0; turn < Turns; turn++)
            {
                cancellation.ThrowIfCancellationRequested();
                peaks.MeasureArithmetic();
                peaks.MeasureBandwidth();
            }
            if (json)
                Console.Out.WriteLine(Json(peaks));
            else
                Print(peaks);
        }
        return ExitCode.Ok;
    }

    private static void Print(MachinePeaks peaks)
    {
        Console.Out.WriteLine(Invariant($"{peaks.Threads} {(peaks.Threads == 1 ? "thread" : "threads")}, {peaks.Clock / 1e9:F2} GHz"));
        foreach (PeakLoop loop in peaks.Loops.Where(loop => loop != PeakLoop.Clock))
            Console.Out.WriteLine(Invariant($"  {loop.Name(),-10} {peaks.Peak(loop) / 1e9,8:F0} G operations/s  {peaks.PerCycle(loop):F2} instructions a cycle and core{(peaks.IsReached(loop) ? "" : Busy)}"));
        Console.Out.WriteLine(Invariant($"  {"reading",-10} {peaks.Bandwidth / 1e9,8:F1} GB/s"));
    }

    private static string Json(MachinePeaks peaks) => JsonLine.Of(json =>
    {
        json.WriteString("processor", CpuDescription.Name);
        json.WriteNumber("threads", peaks.Threads);
        json.WriteNumber("clock_hz", Math.Round(peaks.Clock));
        json.WriteNumber("read_bytes_per_second", Math.Round(peaks.Bandwidth));
        json.WriteStartObject("operations_per_second");
        foreach (PeakLoop loop in peaks.Loops.Where(loop => loop != PeakLoop.Clock))
            json.WriteNumber(loop.Name(), Math.Round(peaks.Peak(loop)));
        json.WriteEndObject();
        json.WriteBoolean("undisturbed", peaks.Loops.All(peaks.IsReached));
    });

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
