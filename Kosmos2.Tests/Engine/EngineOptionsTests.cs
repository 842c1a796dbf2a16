using Kosmos2.Engine;
using Kosmos2.Engine.Processing;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

internal sealed class EngineOptionsTests
{
    [Test]
    public void AMissingFolderIsNamed() =>
        Assert.That(() => Kosmos2Engine.Load(Path.Combine(Path.GetTempPath(), "kosmos2-none")), Throws.InstanceOf<FileNotFoundException>().With.Message.Contains("kosmos2-none"));

    [Test]
    public void ABudgetOutOfRangeIsNamed()
    {
        foreach (int tokens in (int[])[0, -1])
        {
            Refused(new EngineOptions { MaxCachedTokens = tokens }, $"MaxCachedTokens ('{tokens}') must be greater than or equal to '1'");
            Assert.That(() => ReferenceModels.Load("upstream-test", tokens), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains($"maxCachedTokens ('{tokens}')"));
        }
        Refused(new EngineOptions { PrefixCacheTokens = -1 }, "PrefixCacheTokens ('-1')");
        Refused(new EngineOptions { ImageCacheBytes = -1 }, "ImageCacheBytes ('-1')");

        void Refused(EngineOptions options, string message) =>
            Assert.That(() => Kosmos2Engine.Load(TestData.ShapesModel, options), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains(message));
    }

    [Test]
    public void TheLargestBudgetIsOne()
    {
        using Kosmos2.Engine.Model.Kosmos2Model model = ReferenceModels.Load("upstream-test", int.MaxValue);
        Assert.That(model.Forward([new() { TokenIds = [8, 9] }]).Logits, Is.Not.Empty);
    }

    [Test]
    public void AMissingPromptIsNamed()
    {
        using Kosmos2Engine engine = Kosmos2Engine.Load(TestData.ShapesModel, new EngineOptions { Device = "cpu", Threads = 1 });
        Assert.That(() => engine.Generate([new ProcessorInput { Text = "a" }, null!]), Throws.ArgumentException.With.Message.Contains("inputs[1] is null"));
        Assert.That(() => engine.Generate(["a", "b", null!]), Throws.ArgumentException.With.Message.Contains("prompts[2] is null"));
    }

    [Test]
    public void TheShippedModelIsPackedAndExact()
    {
        CpuOptions options = new EngineOptions { Threads = 3 }.ForCpu(TestData.ShapesModel, Kosmos2Config.Load(TestData.ShapesModel));
        Assert.That((options.Threads, options.Weights, options.Products), Is.EqualTo((3, WeightResidency.Packed, ProductPrecision.Exact)));
        options = new EngineOptions { Weights = WeightResidency.Mapped, WeightFormat = WeightFormat.Int8 }.ForCpu(TestData.ShapesModel, Kosmos2Config.Load(TestData.ShapesModel));
        Assert.That((options.Weights, options.Products), Is.EqualTo((WeightResidency.Mapped, ProductPrecision.Fast)));
    }

    [Test]
    public void LinkedWeightsCountAsTheFilesTheyName()
    {
        string weights = Path.Combine(TestData.ShapesModel, "model.safetensors");
        string folder = Directory.CreateTempSubdirectory("kosmos2").FullName;
        try
        {
            File.CreateSymbolicLink(Path.Combine(folder, "model.safetensors"), weights);
            Assert.That(EngineOptions.WeightBytes(folder), Is.EqualTo(new FileInfo(weights).Length));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
