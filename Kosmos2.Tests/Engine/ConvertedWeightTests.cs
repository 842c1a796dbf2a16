using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Of weights that are converted as they are loaded and then packed, the packed form alone stays in memory.</summary>
internal sealed class ConvertedWeightTests
{
    // By what the working memory of one format differs from another's: far less than a copy of the weights.
    private const long Room = 1 << 19;

    [TestCase(WeightFormat.BFloat16, ProductPrecision.Exact)]
    [TestCase(WeightFormat.BFloat16, ProductPrecision.Fast)]
    [TestCase(WeightFormat.Int8, ProductPrecision.Fast)]
    [TestCase(WeightFormat.Int4, ProductPrecision.Fast)]
    public void ThePackedFormAloneStays(WeightFormat format, ProductPrecision precision)
    {
        var options = new CpuOptions { Threads = 2, Products = precision, SlowKernels = true };
        Memory stored = Ask(WeightFormat.Stored, options), mapped = Ask(format, options), packed = Ask(format, options with { Weights = WeightResidency.Packed });
        Assert.That(mapped.Held - stored.Held, Is.AtLeast(packed.Panels / 2), "a copy that is read where it lies stays, or else this test would notice nothing");
        Assert.That(packed.Held - stored.Held, Is.EqualTo(packed.Panels + packed.Scales).Within(Room));
        Assert.That(packed.First, Is.EqualTo(mapped.First));
        Assert.That(packed.Second, Is.EqualTo(packed.First));
    }

    // Two answers, the first of which packs the weights, and what is held then.
    private static Memory Ask(WeightFormat format, CpuOptions options)
    {
        // What earlier tests forgot.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = NativeBytes.Held;
        using Kosmos2Model model = Kosmos2Model.Load(TestData.ShapesModel, new CpuBackend(options), format: format);
        float[] first = Logits(model), second = Logits(model);
        PackedWeight[] packed = [.. model.Weights.Values.OfType<PackedWeight>()];
        long scales = packed.Where(weight => weight.DType == DType.I8).Sum(weight => (long)weight.Shape.Rows * sizeof(float));
        return new Memory(first, second, NativeBytes.Held - before, packed.Sum(weight => weight.ByteLength), scales);
    }

    /// <summary>What a model makes of a picture and a few tokens around it.</summary>
    internal static float[] Logits(Kosmos2Model model)
    {
        Kosmos2VisionConfig vision = model.Config.VisionConfig;
        using Tensor pixels = SyntheticCheckpoint.CreateTensor("pixel_values", 1, vision.NumChannels, vision.ImageSize, vision.ImageSize);
        using ImageEmbeddings picture = model.EncodeImages(pixels.AsSpan<float>(), 1, vision.ImageSize, vision.ImageSize);
        int[] given = [-1, .. Enumerable.Range(0, model.Config.LatentQueryNum), -1, -1];
        return model.Forward([new SequenceInput { TokenIds = [.. given.Select((g, i) => g < 0 ? i % 9 : 3)], GivenRows = given }], picture).Logits;
    }

    private sealed record Memory(float[] First, float[] Second, long Held, long Panels, long Scales);
}
