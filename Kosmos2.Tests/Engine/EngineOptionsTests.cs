using Kosmos2.Engine;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

internal sealed class EngineOptionsTests
{
    [Test]
    public void AMissingFolderIsNamed() =>
        Assert.That(() => Kosmos2Engine.Load(Path.Combine(Path.GetTempPath(), "kosmos2-none")), Throws.InstanceOf<FileNotFoundException>().With.Message.Contains("kosmos2-none"));

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
