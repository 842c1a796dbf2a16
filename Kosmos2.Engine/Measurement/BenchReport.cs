using System.Globalization;
using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Engine.Measurement;

/// <summary>A part of an answer, measured.</summary>
/// <param name="Name">As in <c>decode 4</c>.</param>
/// <param name="Rows">Rows that run at once, pictures' or tokens'.</param>
/// <param name="Seconds">Best time.</param>
/// <param name="Work">What it takes at least.</param>
/// <param name="Share">The machine's shortest time for that as a part of <paramref name="Seconds"/>; null where the machine's limits were not measured.</param>
/// <param name="ReadingShare">The time for only reading as many bytes (<see cref="ModelRoofline.Reading"/>) as a part of <paramref name="Seconds"/>, or null.</param>
internal sealed record BenchFigure(string Name, int Rows, double Seconds, Work Work, double? Share, double? ReadingShare)
{
    /// <summary>Bytes of weights a second.</summary>
    public double BytesPerSecond => Work.Bytes / Seconds;

    /// <summary>Operations a second.</summary>
    public double OperationsPerSecond => Work.Operations / Seconds;

    /// <summary>The machine's shortest time.</summary>
    public double? Limit => Share * Seconds;

    /// <summary>Whether the part was faster than the machine's limit: then one of the two is measured or counted wrongly.</summary>
    public bool IsImpossible => ShareRule.IsImpossible(Share);

    /// <summary>Whether the part read faster than reading alone, which takes long enough to be disturbed every time on a busy machine.</summary>
    public bool IsAboveReading => ShareRule.IsImpossible(ReadingShare);
}

/// <summary>The machine's limits.</summary>
/// <param name="Clock">Cycles a second.</param>
/// <param name="Bandwidth">Bytes read a second, in the best millisecond.</param>
/// <param name="StepBandwidth">Bytes read a second over as many as a step of the decoder reads; null for a model that may stay in a cache.</param>
/// <param name="FloatPeak">Operations a second with weights of F32.</param>
/// <param name="BFloat16Peak">With weights of bfloat16, in the precision that the model runs in.</param>
/// <param name="Int8Peak">With weights of 8 bits, in the same.</param>
/// <param name="Int4Peak">With weights of 4 bits, in the same.</param>
/// <param name="IsUndisturbed">Whether no other program took part of the cores.</param>
internal sealed record BenchLimits(double Clock, double Bandwidth, double? StepBandwidth, double FloatPeak, double BFloat16Peak, double Int8Peak, double Int4Peak, bool IsUndisturbed);

/// <summary>What a model was measured to do.</summary>
internal sealed record BenchReport
{
    /// <summary>What stands in place of <see cref="Limits"/> where there are none.</summary>
    public const string NoLimits = "limits: none measured for this device and its kernels";

    /// <summary>The processor's name and family.</summary>
    public required string Processor { get; init; }

    /// <summary>The device and its kernels.</summary>
    public required string Device { get; init; }

    /// <summary>What the device's limits are; null where they were not measured.</summary>
    public required BenchLimits? Limits { get; init; }

    /// <summary>Seconds until the engine stood, the first time in this process.</summary>
    public required double Ready { get; init; }

    /// <summary>Seconds from there to the first token of the first answer: whatever happens once happens here.</summary>
    public required double ColdFirstToken { get; init; }

    /// <summary>Tokens of the prompt.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Tokens of an answer.</summary>
    public required int AnswerTokens { get; init; }

    /// <summary>The best of the answers.</summary>
    public required BestAnswer Answer { get; init; }

    /// <summary>The best of the peer's answers, or null.</summary>
    public BestAnswer? Peer { get; init; }

    /// <summary>The parts.</summary>
    public required IReadOnlyList<BenchFigure> Figures { get; init; }

    /// <summary>Most memory that the process had, mapped files included, before the machine's own limits were measured.</summary>
    public required long PeakMemory { get; init; }

    /// <summary>Bytes of the weights' files.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>Seconds of the peer for a part; null where it has none.</summary>
    public double? PeerSeconds(BenchFigure figure) => figure.Name switch
    {
        "encode" => Peer?.Encode,
        "prefill" => Peer?.Prefill,
        "decode 1" => Peer?.Step,
        _ => null,
    };

    /// <summary>The most times as fast as the peer that the machine's limits allow a part to be; null where it has no peer or no limit.</summary>
    public double? AtMost(BenchFigure figure) => PeerSeconds(figure) / figure.Limit;

    /// <summary>As <see cref="AtMost"/>, of a whole answer: picture, prompt, and as many tokens more as it has.</summary>
    public double? EndToEndAtMost => Peer?.Total / (LimitOf("encode") + LimitOf("prefill") + ((AnswerTokens - 1) * LimitOf("decode 1")));

    /// <summary>A line for each part that cannot be.</summary>
    public IEnumerable<string> Failures => Figures.Where(figure => figure.IsImpossible).Select(figure => string.Create(
        CultureInfo.InvariantCulture,
        $"failed: {figure.Name} at {100 * figure.Share:F0}% of the machine's limit: one of the two is measured or counted wrongly"));

    private double? LimitOf(string name) => Figures.Single(figure => figure.Name == name).Limit;
}
