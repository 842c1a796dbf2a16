using Kosmos2.Engine.Generation;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>What a model takes on a device with memory of its own, known before anything is sent there.</summary>
/// <param name="folder">The model.</param>
/// <param name="config">Its configuration.</param>
/// <param name="generation">Its generation settings.</param>
/// <param name="maxCachedTokens">Budget of the cache, or null.</param>
/// <param name="cacheFormat">How keys and values are stored.</param>
internal sealed class ModelMemory(string folder, Kosmos2Config config, GenerationConfig generation, int? maxCachedTokens, CacheFormat cacheFormat)
{
    // Tokens of a question behind its picture.
    private const int QuestionTokens = 8;

    // From the most accurate to the smallest.
    private static readonly (WeightFormat Format, string Name)[] Smaller = [(WeightFormat.BFloat16, "bf16"), (WeightFormat.Int8, "int8"), (WeightFormat.Int4, "int4")];

    /// <summary>Refuses a model that has no room.</summary>
    /// <param name="format">What weights are brought to.</param>
    /// <param name="freeBytes">What there is.</param>
    /// <exception cref="DeviceMemoryException">It needs more; the message names the first format that would fit, if there is one.</exception>
    public void Require(WeightFormat format, long freeBytes)
    {
        long needed = Measure(format);
        if (needed > freeBytes)
            throw new DeviceMemoryException("the model", needed, freeBytes, Advice(needed, freeBytes));
    }

    /// <summary>
    /// Bytes of weights, activations and cache for one question about one picture: the model is loaded and asked where nothing happens (<see cref="DryRun"/>).
    /// Kernels' own small buffers come on top.
    /// </summary>
    public long Measure(WeightFormat format)
    {
        var device = new DryRun();
        using var model = new Kosmos2Model(Checkpoint.Open(folder), config, generation, device, panels: null, maxCachedTokens, format, cacheFormat);
        Kosmos2VisionConfig vision = config.VisionConfig;
        var pixels = new float[vision.NumChannels * vision.ImageSize * vision.ImageSize];
        using ImageEmbeddings picture = model.EncodeImages(pixels, 1, vision.ImageSize, vision.ImageSize);
        int tokens = Math.Min(config.LatentQueryNum + QuestionTokens, maxCachedTokens ?? int.MaxValue);
        if (tokens > 0)
        {
            using DecodeSession session = model.StartSession([new SequenceInput { TokenIds = new int[tokens] }], picture);
            session.Forward();
            session.SelectTokens(new int[1]);
        }
        return device.PeakBytes;
    }

    private string Advice(long needed, long freeBytes)
    {
        if (config.QuantizationConfig is not null)
            return "its weights are small integers already";
        foreach ((WeightFormat format, string name) in Smaller)
        {
            long bytes = Measure(format);
            if (bytes < needed && bytes <= freeBytes)
                return FormattableString.Invariant($"--format {name} needs {bytes}");
        }
        return "nor is there with --format int4";
    }
}
