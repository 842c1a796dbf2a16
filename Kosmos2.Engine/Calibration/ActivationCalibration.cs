using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Calibration;

/// <summary>
/// Runs a model on pictures of the kind that it will see and takes note of what its linear layers are given, so that quantization can keep what matters to
/// them.
/// </summary>
public static class ActivationCalibration
{
    private const int MaxNewTokens = 48;

    // Tasks that need nothing but a picture.
    private static readonly Prompt[] Tasks = [Prompts.Caption, Prompts.GroundedCaption, Prompts.GroundedDetail, Prompts.Ask("What is in this picture?")];

    /// <summary>Answers a few prompts about each picture, on the CPU and with exact products.</summary>
    /// <param name="folder">The model's; its weights are floats.</param>
    /// <param name="pictures">At least one; a dozen serve a small model well.</param>
    /// <param name="cancellation">Ends the run with <see cref="OperationCanceledException"/>.</param>
    /// <returns>For <see cref="QuantizeOptions.Inputs"/>: by the name of the weight, of all linear layers.</returns>
    /// <exception cref="ArgumentException">There is no picture.</exception>
    /// <exception cref="Kosmos2FormatException">The model is malformed or incomplete.</exception>
    public static IReadOnlyDictionary<string, InputStatistics> Run(string folder, IReadOnlyList<RgbImage> pictures, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(pictures);
        if (pictures.Count == 0)
            throw new ArgumentException("calibration needs a picture", nameof(pictures));
        var options = new EngineOptions { Device = "cpu", Weights = WeightResidency.Mapped, Products = ProductPrecision.Exact };
        Kosmos2Config config = Kosmos2Config.Load(folder);
        var recorder = new RecordingBackend(new CpuBackend(options.ForCpu(folder, config)));
        using Kosmos2Engine engine = Kosmos2Engine.Load(folder, config, recorder, options);
        foreach (RgbImage picture in pictures)
        {
            foreach (Prompt task in Tasks)
            {
                engine.Generate(picture, task, new GenerationConfig { MaxNewTokens = MaxNewTokens }, cancellation: cancellation);
                cancellation.ThrowIfCancellationRequested();
            }
        }

        var found = new Dictionary<InputMoments, InputStatistics>();
        var statistics = new Dictionary<string, InputStatistics>(StringComparer.Ordinal);
        foreach ((string name, PreparedWeight weight) in engine.Model.Weights)
        {
            if (recorder.Of(weight) is not { } moments)
                continue;
            if (!found.TryGetValue(moments, out InputStatistics? inputs))
                found.Add(moments, inputs = moments.Finish());
            statistics.Add(name, inputs);
        }
        return statistics;
    }
}
