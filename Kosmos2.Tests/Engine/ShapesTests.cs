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
}
