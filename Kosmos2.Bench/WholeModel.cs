using System.Text;
using System.Text.Json;
using Kosmos2.Bench.Peers;
using Kosmos2.Engine;
using Kosmos2.Engine.Measurement;
using Kosmos2.Kernels.Cpu;
using static System.FormattableString;

namespace Kosmos2.Bench;

/// <summary>
/// A whole model, over weights of F32 and smaller ones, against ONNX Runtime in F32, with the machine's limits measured beside both. Over equal weights the two
/// agree on logits and tokens before any time is taken.
/// </summary>
internal static class WholeModel
{
    private const int TrialTokens = 6;
    private const int Trials = 2;

    /// <summary>Prints the tables.</summary>
    /// <returns>Whether no part was faster than the machine can be.</returns>
    /// <exception cref="InvalidOperationException">The two sides gave different answers.</exception>
    public static bool Run(WholeModelOptions options, TextWriter output)
    {
        bool possible = true;
        foreach (int threads in options.Threads)
        {
            SettingTimes[] tried = Try(options, threads, output);
            OnnxSetting setting = tried.MinBy(times => times.Answer)!.Setting;
            using var theirs = new OnnxChild(options.Peer, options.Model, threads, setting);
            foreach (string folder in (string[])[options.Model, .. options.Smaller])
            {
                var engine = new EngineOptions
                {
                    Device = "cpu",
                    Threads = threads,
                    Weights = options.Mapped ? WeightResidency.Mapped : WeightResidency.Packed,
                    Products = folder == options.Model ? ProductPrecision.Exact : ProductPrecision.Fast,
                };
                BenchReport report = ModelBench.Run(folder, engine, options.Turns, new OnnxPeer(theirs, folder == options.Model));
                if (options.Json)
                    output.WriteLine(Json(folder, threads, setting, tried, report));
                else
                    Print(folder, report, output);
                possible &= !report.Failures.Any();
            }
            if (!options.Json)
                output.WriteLine(Invariant($"ONNX Runtime: sessions stood after {theirs.Load:F1} s, peak memory {theirs.PeakMemory / 1e9:F1} GB"));
        }
        return possible;
    }

    private static SettingTimes[] Try(WholeModelOptions options, int threads, TextWriter output)
    {
        var times = new List<SettingTimes>();
        foreach (OnnxSetting setting in OnnxSetting.All)
        {
            using var child = new OnnxChild(options.Peer, options.Model, threads, setting);
            var best = new BestAnswer();
            child.Answer(1);
            for (int i = 0; i < Trials; i++)
                best.AddParts(child.Answer(TrialTokens));
            times.Add(new SettingTimes(setting, best));
            if (!options.Json)
                output.WriteLine(Invariant($"ONNX Runtime, threads: {threads}, {setting.Name}: encode {best.Encode * 1e3:F0} ms, prefill {best.Prefill * 1e3:F0} ms, decode {best.Step * 1e3:F1} ms a token"));
        }
        return [.. times];
    }

    private static void Print(string folder, BenchReport report, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine($"{folder}: {report.Device}, {report.Processor}");
        if (report.Limits is { } limits)
            output.WriteLine(Invariant($"limits: {limits.Clock / 1e9:F2} GHz, {limits.FloatPeak / 1e9:F0} G operations/s in F32, {limits.Bandwidth / 1e9:F1} GB/s, {limits.StepBandwidth / 1e9:F1} over a step's bytes{(limits.IsUndisturbed ? "" : " (something else was running)")}"));
        else
            output.WriteLine(BenchReport.NoLimits);
        output.WriteLine("part            ours ms  ONNX Runtime ms  speed  at most  of the limit  of reading");
        foreach (BenchFigure figure in report.Figures)
            Row(figure.Name, figure.Seconds, report.PeerSeconds(figure), report.AtMost(figure), figure.Share, figure.ReadingShare);
        Row("first token", report.Answer.FirstToken, report.Peer!.FirstToken);
        Row("end to end", report.Answer.Total, report.Peer.Total, report.EndToEndAtMost);
        output.WriteLine(Invariant($"ready {report.Ready * 1e3:F0} ms, the very first token after {report.ColdFirstToken * 1e3:F0} ms, peak memory {report.PeakMemory / 1e9:F1} GB"));
        foreach (string failure in report.Failures)
            output.WriteLine(failure);

        void Row(string name, double ours, double? theirs, double? most = null, double? share = null, double? reading = null) => output.WriteLine(Invariant(
            $"{name,-12} {ours * 1e3,10:F1}  {(theirs is double t ? Invariant($"{t * 1e3:F1}") : "-"),15}  {Times(theirs / ours),5}  {Times(most),7}  {Percent(share),12}  {Percent(reading),10}"));
    }

    private static string Percent(double? share) => share is double part ? Invariant($"{100 * part:F0}%") : "-";

    private static string Times(double? speed) => speed is double times ? Invariant($"{times:F2}x") : "-";

    private static string Json(string folder, int threads, OnnxSetting setting, SettingTimes[] tried, BenchReport report)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("model", folder);
            json.WriteNumber("threads", threads);
            json.WriteString("peer", $"ONNX Runtime, {setting.Name}");
            json.WriteStartArray("peer_settings");
            foreach ((OnnxSetting one, BestAnswer best) in tried)
            {
                json.WriteStartObject();
                json.WriteString("name", one.Name);
                json.WriteNumber("encode_ms", Math.Round(best.Encode * 1e3, 3));
                json.WriteNumber("prefill_ms", Math.Round(best.Prefill * 1e3, 3));
                json.WriteNumber("decode_ms", Math.Round(best.Step * 1e3, 3));
                json.WriteEndObject();
            }
            json.WriteEndArray();
            BenchJson.Write(json, report);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    // What a way to set ONNX Runtime up took for the parts of an answer.
    private sealed record SettingTimes(OnnxSetting Setting, BestAnswer Best)
    {
        public double Answer => Best.FirstToken + ((ModelBench.AnswerTokens - 1) * Best.Step);
    }
}
