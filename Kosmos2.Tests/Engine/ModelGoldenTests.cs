using Kosmos2.Engine.Model;
using Kosmos2.Engine.Validation;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine;

/// <summary>Every stage of the five reference models equals Hugging Face's.</summary>
internal sealed class ModelGoldenTests
{
    [Test]
    public void EveryStageIsWithinTolerance(
        [ValueSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))] string name, [Values("cpu", "reference")] string device)
    {
        using Kosmos2Model model = Kosmos2Model.Load(ReferenceModels.Folder(name), Backends.Create(device, threads: 1));
        using GoldenFile golden = GoldenFile.Open(Path.Combine(ReferenceModels.Folder(name), "golden.safetensors"));
        List<StageResult> stages = new ModelGolden(model, golden).Run();
        foreach (StageResult stage in stages)
            TestContext.Out.WriteLine($"{stage.Name,-40} max abs {stage.MaxAbsolute:e1}  max rel {stage.MaxRelative:e1}  cosine {stage.Cosine:0.0000000}");
        Assert.That(stages.Where(s => !s.Passed), Is.Empty);
        Assert.That(golden.Unread, Is.Empty, "stages that nothing was compared with");
    }
}
