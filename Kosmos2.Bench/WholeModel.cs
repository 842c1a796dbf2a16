using System.Globalization;
using Kosmos2.Bench.Peers;
using Kosmos2.Engine;
using Kosmos2.Engine.Measurement;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>
/// A whole model, over weights of F32 and smaller ones, against ONNX Runtime in F32. Both sides answer the same question in turns, with a pause before each, in
/// which the other's threads go to sleep; the best of each part counts. Before any time is taken the two agree on logits and tokens.
/// </summary>
internal static class WholeModel
{
    /// <summary>Relative L2 distance of the two sides' logits in F32: a hundred times what their different order of sums makes.</summary>
    private const double LogitTolerance = 1e-4;

    private const int AgreedTokens = 16;
    private const int TrialTokens = 6;
    private const int ShortAnswers = 2;

    /// <summary>Prints the table.</summary>
    /// <returns>Whether both sides gave the same answer.</returns>
    public static bool Run(WholeModelOptions options, TextWriter output)
    {
        output.WriteLine(CpuDescription.Name);
        bool agreed = true;
        foreach (int threads in options.Threads)
        {
            OnnxSetting setting = Choose(options, threads, output);
            using var theirs = new OnnxChild(options.Peer, options.Model, threads, setting);
            foreach (string folder in (string[])[options.Model, .. options.Smaller])
                agreed &= Compare(folder, folder == options.Model, theirs, options, threads, output);
            output.WriteLine(Invariant($"ONNX Runtime: sessions stood after {theirs.Load:F1} s, peak memory {theirs.PeakMemory / 1e9:F1} GB"));
        }
        return agreed;
    }

    // The fastest of the ways to set ONNX Runtime up.
    private static OnnxSetting Choose(WholeModelOptions options, int threads, TextWriter output)
    {
        var times = new List<(OnnxSetting Setting, double Seconds)>();
        foreach (OnnxSetting setting in OnnxSetting.All)
        {
            using var child = new OnnxChild(options.Peer, options.Model, threads, setting);
            var best = new BestAnswer();
            child.Answer(1);
            for (int i = 0; i < ShortAnswers; i++)
                best.AddParts(child.Answer(TrialTokens));
            times.Add((setting, best.FirstToken + ((ModelBench.AnswerTokens - 1) * best.Step)));
            output.WriteLine(Invariant($"ONNX Runtime, {threads} threads, {setting.Name}: encode {best.Encode * 1e3:F0} ms, prefill {best.Prefill * 1e3:F0} ms, decode {best.Step * 1e3:F1} ms a token"));
        }
        return times.MinBy(time => time.Seconds).Setting;
    }

    private static bool Compare(string folder, bool same, OnnxChild theirs, WholeModelOptions options, int threads, TextWriter output)
    {
        var engineOptions = new EngineOptions
        {
            Device = "cpu",
            Threads = threads,
            Weights = options.Mapped ? WeightResidency.Mapped : WeightResidency.Packed,
            Products = same ? ProductPrecision.Exact : ProductPrecision.Fast,
        };
        using Kosmos2Engine engine = Kosmos2Engine.Load(folder, engineOptions);
        var ours = new TimedModel(engine.Model);
        bool agree = !same || Agree(ours, theirs, output);
        ours.Answer(1);
        BestAnswer best = new(), peer = new();
        for (int turn = 0; turn < options.Turns; turn++)
        {
            best.Add(Rested(() => ours.Answer(ModelBench.AnswerTokens)));
            peer.Add(Rested(() => theirs.Answer(ModelBench.AnswerTokens)));
            for (int i = 0; i < ShortAnswers; i++)
            {
                best.AddParts(Rested(() => ours.Answer(TrialTokens)));
                peer.AddParts(Rested(() => theirs.Answer(TrialTokens)));
            }
        }
        output.WriteLine(Invariant($"{Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)),-16} {threads} threads: {Ratio("encode", peer.Encode, best.Encode)}  {Ratio("prefill", peer.Prefill, best.Prefill)}  {Ratio("decode", peer.Step, best.Step)}  {Ratio("end to end", peer.Total, best.Total)}"));
        return agree;
    }

    private static bool Agree(TimedModel ours, OnnxChild theirs, TextWriter output)
    {
        float[] a = ours.Logits(), b = theirs.Logits();
        double difference = 0, size = 0;
        for (int i = 0; i < a.Length; i++)
        {
            difference += (a[i] - b[i]) * (double)(a[i] - b[i]);
            size += b[i] * (double)b[i];
        }
        double relative = Math.Sqrt(difference / size);
        bool agree = relative <= LogitTolerance && ours.Answer(AgreedTokens).Tokens.SequenceEqual(theirs.Answer(AgreedTokens).Tokens);
        output.WriteLine(Invariant($"logits differ by {relative:0.0e+0}, {AgreedTokens} tokens are {(agree ? "equal" : "not equal")}"));
        return agree;
    }

    private static AnswerTimes Rested(Func<AnswerTimes> answer)
    {
        Thread.Sleep(50);
        return answer();
    }

    private static string Ratio(string what, double theirs, double ours) => Invariant($"{what} {theirs / ours:F2}x ({ours * 1e3:F0} against {theirs * 1e3:F0} ms)");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
