using Kosmos2.Engine;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>The distance of two models: its formulas, none from itself, and judged answers as the reference's script judges them.</summary>
internal sealed class ModelComparerTests
{
    private static readonly EngineOptions Cpu = new() { Device = "cpu", Threads = 1 };

    [Test]
    public void StatisticsAreThoseOfTheirFormulas()
    {
        var comparison = new LogitComparison();
        // Reference (1/2, 1/2), model (3/4, 1/4): 1/2 ln(2/3) + 1/2 ln 2.
        comparison.Add([MathF.Log(3), 0], [0, 1e-9f]);
        comparison.Add([5, 1, 2], [5, 1, 2]);
        LogitStatistics statistics = comparison.Finish();
        double divergence = 0.5 * Math.Log(4.0 / 3);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(statistics.Rows, Is.EqualTo(2));
            Assert.That(statistics.MeanDivergence, Is.EqualTo(divergence / 2).Within(1e-7));
            Assert.That(statistics.MedianDivergence, Is.EqualTo(divergence / 2).Within(1e-7));
            Assert.That(statistics.HighDivergence, Is.EqualTo(0.999 * divergence).Within(1e-7));
            Assert.That(statistics.SameTop, Is.EqualTo(0.5));
            Assert.That(statistics.LargestProbabilityChange, Is.EqualTo(0.25).Within(1e-7));
            Assert.That(statistics.RelativeError, Is.EqualTo(Math.Log(3) / Math.Sqrt(30)).Within(1e-7));
            Assert.That(() => comparison.Add([1], [1, 2]), Throws.ArgumentException);
            Assert.That(() => new LogitComparison().Finish(), Throws.InvalidOperationException);
        }
    }

    [Test]
    public void AModelIsNoDistanceFromItself([Values] bool cases)
    {
        string? folder = cases ? TestData.File("shapes") : null;
        ComparisonReport report = ModelComparer.Run(TestData.ShapesModel, TestData.ShapesModel, Cpu, folder, path => Picture.Load(path), cases ? 5 : null);
        Assert.That((report.Logits.MeanDivergence, report.Logits.SameTop, report.Logits.RelativeError), Is.EqualTo((0.0, 1.0, 0.0)));
        Assert.That(report.Answers, Is.Null);
    }

    [Test]
    public void SmallerWeightsAreFurtherAway()
    {
        double[] errors = [.. new[] { WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Int4 }.Select(format =>
            ModelComparer.Run(TestData.ShapesModel, TestData.ShapesModel, Cpu with { WeightFormat = format }).Logits.RelativeError)];
        Assert.That(errors, Is.Ordered.Ascending.And.All.InRange(1e-5, 0.3));
    }

    /// <summary>Over all 40 cases 7.9e-7 and 3.3e-6 were measured.</summary>
    [TestCase(CacheFormat.BFloat16, 3e-6)]
    [TestCase(CacheFormat.Int8, 1e-5)]
    public void SmallerCachesAreCloseToFloat32(CacheFormat format, double divergence)
    {
        EngineOptions options = Cpu with { CacheFormat = format };
        LogitStatistics logits = ModelComparer.Run(TestData.ShapesModel, TestData.ShapesModel, options, TestData.File("shapes"), path => Picture.Load(path), 30).Logits;
        Assert.That(logits.MeanDivergence, Is.InRange(double.Epsilon, divergence));
        Assert.That(logits.SameTop, Is.GreaterThan(0.99));
    }

    [Test]
    public void AnswersAreJudgedAsTheReferenceJudgesThem()
    {
        const int Count = 90;
        string folder = TestData.Shared("shapes-eval");
        ComparisonReport report = ModelComparer.Run(TestData.ShapesModel, TestData.ShapesModel, Cpu, folder, path => Picture.Load(path), Count, answers: true);
        ShapesCase[] all = [.. ReferenceLines.Read(Path.Combine(folder, "cases.jsonl"), ShapesCase.Parse).Select(line => line.Case)];
        double expected = Enumerable.Range(0, Count).Average(i => all[(int)((long)i * all.Length / Count)].Score!.Value);
        Assert.That(report.Answers!.ReferenceAccuracy, Is.EqualTo(expected).Within(1e-9));
        Assert.That((report.Answers.Cases, report.Answers.Equal, report.Answers.Accuracy), Is.EqualTo((Count, 1.0, report.Answers.ReferenceAccuracy)));
        Assert.That(report.Answers.MeanIou, Is.InRange(0.5, 1));
    }

    [Test]
    public void AFolderWithoutCasesIsRefused() => Assert.That(
        () => ModelComparer.Run(TestData.ShapesModel, TestData.ShapesModel, Cpu, TestData.Root, path => Picture.Load(path)), Throws.InstanceOf<IOException>());
}
