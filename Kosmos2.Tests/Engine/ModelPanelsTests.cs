using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Imaging;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Tests.Weights;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Panels beside a model: its answers to the bit, nothing packed and nothing kept for them, and never those of another model or of other kernels.</summary>
internal sealed class ModelPanelsTests
{
    // By what the working memory of one run differs from another's: far less than the weights.
    private const long Room = 1 << 19;

    private static readonly EngineOptions Cpu = new() { Device = "cpu", Threads = 2 };

    [TestCase(WeightFormat.Stored, ProductPrecision.Exact)]
    [TestCase(WeightFormat.BFloat16, ProductPrecision.Exact)]
    [TestCase(WeightFormat.BFloat16, ProductPrecision.Fast)]
    [TestCase(WeightFormat.Int8, ProductPrecision.Fast)]
    [TestCase(WeightFormat.Int4, ProductPrecision.Fast)]
    public void TheyChangeNoBit(WeightFormat format, ProductPrecision precision)
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, format);
        EngineOptions options = Cpu with { Products = precision };
        (float[] packed, long heldPacked) = Logits(folder.Path, options with { Weights = WeightResidency.Packed });
        string path = ModelPanels.Write(folder.Path, options);
        foreach (WeightResidency? weights in (WeightResidency?[])[null, WeightResidency.Mapped])
        {
            (float[] mapped, long held) = Logits(folder.Path, options with { Weights = weights });
            Assert.That(mapped, Is.EqualTo(packed));
            Assert.That(heldPacked - held, Is.EqualTo(new FileInfo(path).Length).Within(Room));
        }
    }

    [Test]
    public void AllMatricesAreThere()
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, WeightFormat.Int4);
        ModelPanels.Write(folder.Path, Cpu);
        using Kosmos2Engine engine = Kosmos2Engine.Load(folder.Path, Cpu);
        Assert.That(engine.Model.Weights.Values, Is.All.InstanceOf<PackedWeight>().And.All.Property(nameof(PackedWeight.IsComplete)).True);
        Assert.That(engine.Model.UnusedPanels, Is.Null);
    }

    [Test]
    public void WhoAsksForPackedWeightsHasThem()
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, WeightFormat.Int8);
        ModelPanels.Write(folder.Path, Cpu);
        using Kosmos2Engine engine = Kosmos2Engine.Load(folder.Path, Cpu with { Weights = WeightResidency.Packed });
        Assert.That(engine.Model.Weights.Values, Is.All.InstanceOf<PackedWeight>().And.All.Property(nameof(PackedWeight.IsComplete)).False);
    }

    [TestCase("model.safetensors")]
    [TestCase("config.json")]
    public void ThoseOfOlderFilesAreNotUsed(string file)
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, WeightFormat.Int8);
        string path = ModelPanels.Write(folder.Path, Cpu);
        File.SetLastWriteTimeUtc(folder.File(file), DateTime.UtcNow.AddMinutes(1));
        using (Kosmos2Engine engine = Kosmos2Engine.Load(folder.Path, Cpu with { Weights = WeightResidency.Mapped }))
        {
            Assert.That(engine.Model.UnusedPanels, Does.StartWith($"{path} is not used: made for {file} '").And.EndWith("kosmos2 pack makes it anew"));
            Assert.That(engine.Model.Weights.Values, Has.None.InstanceOf<PackedWeight>());
        }
        ModelPanels.Write(folder.Path, Cpu);
        using Kosmos2Engine again = Kosmos2Engine.Load(folder.Path, Cpu);
        Assert.That(again.Model.UnusedPanels, Is.Null);
    }

    [Test]
    public void ThoseForOtherKernelsAreNotUsed()
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, WeightFormat.Int8);
        string path = ModelPanels.Write(folder.Path, Cpu);
        (float[] exact, _) = Logits(folder.Path, Cpu with { Products = ProductPrecision.Exact, Weights = WeightResidency.Packed });
        using Kosmos2Engine engine = Kosmos2Engine.Load(folder.Path, Cpu with { Products = ProductPrecision.Exact });
        Assert.That(engine.Model.UnusedPanels, Does.StartWith($"{path} is not used: made for layouts '1 "));
        Assert.That(Logits(engine), Is.EqualTo(exact));
    }

    [Test]
    public void EachWidthOfVectorsHasItsOwn()
    {
        InstructionSet[] sets = [.. Enum.GetValues<InstructionSet>().Where(set => set != InstructionSet.Auto && CpuFeatures.IsSupported(set))];
        string[] paths = [.. sets.Select(PathOf)];
        Assert.That(paths, Is.Unique.And.All.StartsWith(Path.Combine("folder", "model.")).And.All.EndsWith(".panels"));

        static string PathOf(InstructionSet set)
        {
            using var backend = new CpuBackend(new CpuOptions { InstructionSet = set });
            return PanelFile.PathOf("folder", backend);
        }
    }

    [Test]
    public void DamagedOnesAreRefused()
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, WeightFormat.Int8);
        string path = ModelPanels.Write(folder.Path, Cpu);
        byte[] whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, whole[..^64]);
        Assert.That(() => Kosmos2Engine.Load(folder.Path, Cpu), Throws.InstanceOf<SafetensorsException>());

        // A matrix's panels of another size, as no kernel may read them.
        const string Fc1 = "text_model.model.layers.0.ffn.fc1.weight";
        using (Checkpoint checkpoint = Checkpoint.Open(folder.Path))
        {
            using var backend = new CpuBackend(Cpu.ForCpu(folder.Path, Kosmos2Config.Load(folder.Path)));
            using var writer = new SafetensorsWriter(path, [(Fc1, DType.U8, new Shape(64))], PanelFile.Metadata(checkpoint, backend));
            writer.Write<byte>(Fc1, 0, new byte[64]);
            writer.Complete();
        }
        Assert.That(() => Kosmos2Engine.Load(folder.Path, Cpu), Throws.InstanceOf<SafetensorsException>().With.Message.Contains(Fc1).And.Message.Contains("expected"));
    }

    [Test]
    public void WhatIsCancelledIsNotThere()
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, WeightFormat.Int8);
        int files = Directory.GetFiles(folder.Path).Length;
        Assert.That(() => ModelPanels.Write(folder.Path, Cpu, null, new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.GetFiles(folder.Path), Has.Length.EqualTo(files));
        Assert.That(() => ModelPanels.Write(folder.Path, Cpu with { WeightFormat = WeightFormat.Int4 }), Throws.ArgumentException);
    }

    [Test]
    public void AnotherModelInTheirPlaceTakesThemAway()
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, WeightFormat.Int8);
        ModelPanels.Write(folder.Path, Cpu);
        Make(folder.Path, WeightFormat.Int4);
        Assert.That(Directory.GetFiles(folder.Path, "*.panels"), Is.Empty);
    }

    [Test]
    public void AnswersAreTheSame()
    {
        using var folder = new TemporaryFolder();
        Make(folder.Path, WeightFormat.Int8);
        GroundedAnswer packed = Ask();
        ModelPanels.Write(folder.Path, Cpu);
        GroundedAnswer mapped = Ask();
        Assert.That(mapped.Tokens, Is.EqualTo(packed.Tokens));
        Assert.That(mapped.Text, Does.StartWith("An image of"));

        GroundedAnswer Ask()
        {
            using Kosmos2Engine engine = Kosmos2Engine.Load(folder.Path, Cpu);
            return engine.Generate(Picture.Load(TestData.File("shapes", "22000000.png")), "<grounding> An image of", new GenerationConfig { MaxNewTokens = 16 });
        }
    }

    private static void Make(string folder, WeightFormat format)
    {
        if (format == WeightFormat.Stored)
            TemporaryFolder.Copy(TestData.ShapesModel, folder);
        else
            CheckpointQuantizer.Write(TestData.ShapesModel, folder, new QuantizeOptions { Format = format });
    }

    // What one row and many have, and the native memory that is held then.
    private static (float[] Logits, long Held) Logits(string folder, EngineOptions options)
    {
        // What earlier ones forgot.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = NativeBytes.Held;
        using Kosmos2Engine engine = Kosmos2Engine.Load(folder, options);
        return (Logits(engine), NativeBytes.Held - before);
    }

    private static float[] Logits(Kosmos2Engine engine) =>
        [.. ConvertedWeightTests.Logits(engine.Model), .. engine.Model.Forward([new SequenceInput { TokenIds = [7] }]).Logits];
}
