using System.Diagnostics;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Measurement;

/// <summary>
/// Measures a whole model: ready, encoder, prefill, decode of one and of several sequences, memory, in turns with the machine's limits. The best of all turns
/// counts, since everything else the machine does only takes time away.
/// </summary>
internal static class ModelBench
{
    /// <summary>Tokens of an answer.</summary>
    public const int AnswerTokens = 64;

    // Whole answers are rare, since they are long; their parts are measured more often.
    private const int ShortAnswers = 2;
    private const int ShortAnswerTokens = 4;
    private const int Steps = 3;

    private static readonly int[] Batches = [4, 16, 64];

    /// <summary>Measures.</summary>
    /// <param name="folder">The model's.</param>
    /// <param name="options">What it runs on.</param>
    /// <param name="turns">Turns.</param>
    /// <param name="peer">Another program with the same model, which gets its turns too, or null.</param>
    /// <param name="cancellation">Looked at between turns.</param>
    /// <exception cref="Kosmos2FormatException">The model cannot be read.</exception>
    public static BenchReport Run(string folder, EngineOptions options, int turns, IBenchPeer? peer = null, CancellationToken cancellation = default)
    {
        long start = Stopwatch.GetTimestamp();
        using Kosmos2Engine engine = Kosmos2Engine.Load(folder, options);
        double ready = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Kosmos2Model model = engine.Model;
        var timed = new TimedModel(model);
        double cold = timed.Answer(1).FirstToken;
        foreach (int batch in Batches)
            timed.Step(batch, 0);
        long memory = PeakMemory();
        peer?.Check(timed);

        int prompt = timed.PromptTokens;
        CpuOptions cpu = options.ForCpu(folder, engine.Config);
        bool onCpu = model.Backend is CpuBackend;
        var work = new ModelWork(model.Checkpoint, model.Config, options.WeightFormat, packed: model.Weights.Values.Any(weight => weight is PackedWeight));
        using ModelRoofline? roofline = onCpu
            ? ModelRoofline.TryCreate(cpu, work.Decode(1, prompt, 1).Bytes)
            : null;
        BestAnswer answer = new(), peers = new();
        double[] steps = [.. Batches.Select(_ => double.PositiveInfinity)];
        roofline?.Measure();
        for (int turn = 0; turn < turns; turn++)
        {
            cancellation.ThrowIfCancellationRequested();
            answer.Add(Rested(() => timed.Answer(AnswerTokens)));
            if (peer is not null)
                peers.Add(Rested(() => peer.Answer(AnswerTokens)));
            roofline?.Measure();
            for (int i = 0; i < ShortAnswers; i++)
            {
                answer.AddParts(Rested(() => timed.Answer(ShortAnswerTokens)));
                if (peer is not null)
                    peers.AddParts(Rested(() => peer.Answer(ShortAnswerTokens)));
            }
            roofline?.Measure();
            for (int i = 0; i < Batches.Length; i++)
                steps[i] = Math.Min(steps[i], timed.Step(Batches[i], Steps));
            roofline?.Measure();
        }

        if (roofline is not null)
            ShareRule.Repeat(() => !roofline.IsUndisturbed || Figures().Any(figure => figure.IsImpossible || figure.IsAboveReading), roofline.Measure);
        BenchFigure[] figures = Figures();
        return new BenchReport
        {
            Processor = CpuDescription.Name,
            Device = model.Backend.Description,
            Limits = roofline is null ? null : new BenchLimits(
                roofline.Clock, roofline.Bandwidth, roofline.StepBandwidth, roofline.FloatPeak, roofline.BFloat16Peak, roofline.Int8Peak, roofline.Int4Peak,
                roofline.IsUndisturbed && !figures.Any(figure => figure.IsAboveReading)),
            Ready = ready,
            ColdFirstToken = cold,
            PromptTokens = prompt,
            AnswerTokens = AnswerTokens,
            Answer = answer,
            Peer = peer is null ? null : peers,
            Figures = figures,
            PeakMemory = memory,
            WeightBytes = EngineOptions.WeightBytes(folder),
        };

        BenchFigure[] Figures() =>
        [
            Figure("encode", model.Config.VisionConfig.NumPositions, answer.Encode, work.Encode()),
            Figure("prefill", prompt, answer.Prefill, work.Decode(prompt, (prompt + 1) / 2, 1)),
            Figure("decode 1", 1, answer.Step, work.Decode(1, prompt, 1)),
            .. Batches.Select((batch, i) => Figure($"decode {batch}", batch, steps[i], work.Decode(batch, prompt, batch))),
        ];

        BenchFigure Figure(string name, int rows, double seconds, Work work) =>
            new(name, rows, seconds, work, roofline?.Limit(work) / seconds, roofline?.Reading(work) / seconds);
    }

    // In the pause the threads of whoever ran before go to sleep.
    private static AnswerTimes Rested(Func<AnswerTimes> answer)
    {
        Thread.Sleep(50);
        return answer();
    }

    private static long PeakMemory()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }
}
