using Kosmos2.Engine;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;

namespace Kosmos2.Tests.Engine;

/// <summary>The shipped model answers as Hugging Face does, from the picture's file to the entities.</summary>
internal sealed class ShapesTests
{
    [Test]
    public void EveryTaskOnTwelveScenesIsAnsweredAsByHuggingFace()
    {
        ValidationReport report = ModelValidator.Run(TestData.ShapesModel, TestData.File("shapes"), new EngineOptions { Device = "cpu", Threads = 1 }, loadPicture: path => Picture.Load(path));
        TestContext.Out.WriteLine(report.Summary);
        Assert.That(report.Stages.Where(s => !s.Passed), Is.Empty);
        Assert.That(report.Cases.Where(c => !c.Passed), Is.Empty);
        Assert.That((report.Stages.Count, report.Cases.Count), Is.EqualTo((119, 107)));
    }

    /// <summary>Two hundred scenes that the model was not trained on. A token may differ only where the reference led by less than 1e-4.</summary>
    [Test]
    public void EveryTaskOnTwoHundredScenesIsAnsweredAsByHuggingFace()
    {
        ValidationReport report = ModelValidator.Run(
            TestData.ShapesModel, TestData.Shared("shapes-eval"), new EngineOptions { Device = "cpu", Threads = 1 }, path => Picture.Load(path));
        Assert.That(report.Cases.Where(c => !c.Passed), Is.Empty);
        Assert.That(report.Cases, Has.Count.EqualTo(1751));
    }
}
