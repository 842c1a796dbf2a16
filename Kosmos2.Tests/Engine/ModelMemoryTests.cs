using Kosmos2.Engine;
using Kosmos2.Engine.Calibration;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Imaging;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Whether a model fits on a device is known before anything is sent there.</summary>
internal sealed class ModelMemoryTests
{
    // Of float32 weights.
    private static readonly string s_folder = ReferenceModels.Folder("upstream-test");

    [Test]
    public void AModelThatFitsToTheByteIsLoadedAndOneByteLessRefusesItUntouched()
    {
        long needed = Memory().Measure(WeightFormat.Stored);
        using (var fits = new DeviceWithMemory(needed))
        {
            using Kosmos2Model model = Kosmos2Model.Load(s_folder, fits);
            Assert.That(fits.Allocations, Is.Positive);
        }
        using var full = new DeviceWithMemory(needed - 1);
        DeviceMemoryException? refusal = Assert.Throws<DeviceMemoryException>(() => Kosmos2Model.Load(s_folder, full));
        Assert.That((refusal.NeededBytes, refusal.FreeBytes, full.Allocations), Is.EqualTo((needed, needed - 1, 0)));
        Assert.That(refusal.Message, Does.Contain($"the model: {needed} bytes needed, {needed - 1} free; --format bf16 needs"));
    }

    [Test]
    public void TheMostAccurateFormatThatFitsIsNamed()
    {
        long bf16 = Memory().Measure(WeightFormat.BFloat16);
        Assert.That(AdviceFor(s_folder, bf16), Does.EndWith($"; --format bf16 needs {bf16}"));

        // Of float16 weights: bfloat16 takes no less.
        string halves = ReferenceModels.Folder("real-shapes");
        long int8 = Memory(halves).Measure(WeightFormat.Int8), int4 = Memory(halves).Measure(WeightFormat.Int4);
        Assert.That(AdviceFor(halves, int8), Does.EndWith($"; --format int8 needs {int8}"));
        Assert.That(AdviceFor(halves, int8 - 1), Does.EndWith($"; --format int4 needs {int4}"));
        Assert.That(AdviceFor(halves, int4 - 1), Does.EndWith("; nor is there with --format int4"));

        static string AdviceFor(string folder, long free) => Assert.Throws<DeviceMemoryException>(() => Memory(folder).Require(WeightFormat.Stored, free)).Message;
    }

    /// <summary>The cache counts with its format, and with its budget where that is less than a question.</summary>
    [Test]
    public void TheCacheCounts()
    {
        Kosmos2TextConfig text = Kosmos2Config.Load(s_folder).TextConfig;
        long numbers = 2L * text.Layers * text.EmbedDim * 16 * KeyValueBlocks.BlockSize;
        long full = Memory().Measure(WeightFormat.Stored);
        Assert.That(full - Memory(cache: CacheFormat.BFloat16).Measure(WeightFormat.Stored), Is.EqualTo(2 * numbers));
        Assert.That(full - Memory(budget: KeyValueBlocks.BlockSize).Measure(WeightFormat.Stored), Is.GreaterThan(4 * numbers * 15 / 16));
    }

    /// <summary>What is counted beforehand is what a device gives, but for the kernels' own buffers.</summary>
    [Test]
    [Category("OpenCL")]
    public void WhatIsCountedIsWhatOpenClTakes([Values(WeightFormat.Stored, WeightFormat.Int4)] WeightFormat format)
    {
        ModelDevices.Require("opencl:0");
        string folder = TestData.ShapesModel;
        IBackend device = Backends.Create("opencl:0");
        long free = device.FreeBytes!.Value;
        using Kosmos2Engine engine = Kosmos2Engine.Load(
            folder, Kosmos2Config.Load(folder), device, new EngineOptions { WeightFormat = format, ImageCacheBytes = 0, PrefixCacheTokens = 0 });
        engine.Generate(Picture.Load(TestData.File("shapes", "22000000.png")), "<grounding> An image of", new GenerationConfig { MaxNewTokens = 2 });
        long taken = free - device.FreeBytes!.Value, counted = Memory(folder).Measure(format);
        TestContext.Out.WriteLine($"{format}: {counted} bytes counted, {taken} taken");
        Assert.That(taken, Is.InRange(counted, counted + (1 << 20)));
    }

    private static ModelMemory Memory(string? folder = null, int? budget = null, CacheFormat cache = CacheFormat.Float32)
    {
        folder ??= s_folder;
        Kosmos2Config config = Kosmos2Config.Load(folder);
        return new ModelMemory(folder, config, GenerationConfig.OfCheckpoint(folder, config.TextConfig), budget, cache);
    }

    /// <summary>The CPU, as if it had memory of its own.</summary>
    private sealed class DeviceWithMemory(long bytes) : DelegatingBackend(Backends.Create("cpu", threads: 1))
    {
        public override long? FreeBytes => bytes;

        public int Allocations { get; private set; }

        public override Tensor Allocate(DType type, params ReadOnlySpan<long> extents)
        {
            Allocations++;
            return base.Allocate(type, extents);
        }
    }
}
