using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Imaging;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Tests.Engine.Tasks;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>
/// Grounded answers of the shipped model: what the device chooses and tells of phrases and boxes is what the host reads off whole rows of logits, without such
/// a row being read. Where scores are kept the host chooses.
/// </summary>
internal sealed class GroundedChoiceTests
{
    private static readonly GenerationConfig[] s_settings =
    [
        new(),
        new() { WellFormedGrounding = false },
        new() { DoSample = true, Temperature = 1.5f },
        new() { DoSample = true, TopK = 0, TopP = 0.9f, WellFormedGrounding = false },
        new() { DoSample = true, Temperature = 2, TopK = 20, RepetitionPenalty = 1.1f, NoRepeatNgramSize = 3 },
        new() { RepetitionPenalty = 1.2f, MaxNewTokens = 9 },
    ];

    [TestCase("cpu", ProductPrecision.Exact)]
    [TestCase("reference", ProductPrecision.Exact)]
    [TestCase("opencl:0", ProductPrecision.Exact, Category = "OpenCL")]
    [TestCase("cuda:0", ProductPrecision.Exact, Category = "CUDA")]
    [TestCase("cuda:0", ProductPrecision.Fast, Category = "CUDA")]
    public void TheDevicesAnswersAreTheHosts(string device, ProductPrecision products)
    {
        ModelDevices.Require(device);
        var counts = new CountingBackend(Backends.Create(device, new CpuOptions { Threads = 1 }, new GpuOptions { Products = products }));
        using Kosmos2Engine engine = Kosmos2Engine.Load(TestData.ShapesModel, Kosmos2Config.Load(TestData.ShapesModel), counts, new EngineOptions());
        RgbImage scene = Picture.Load(TestData.File("shapes", "22000000.png"));
        int boxes = 0;
        engine.Caption(scene); // from here on the picture's rows are kept
        foreach (GenerationConfig settings in s_settings)
        {
            GenerationConfig config = settings with { Seed = 7 };
            counts.Reset();
            GroundedAnswer chosen = engine.Caption(scene, config: config);
            Assert.That(counts.FloatsRead, Is.Zero, $"{settings}");
            Assert.That(counts.Downloads, Is.InRange(1, counts.DecoderPasses), "one copy a step");
            GroundedAnswer expected = engine.Caption(scene, config: config with { OutputScores = ScoreOutput.Chosen });
            Assert.That(counts.FloatsRead, Is.Positive, "this test would not notice");
            Assert.That(chosen.Tokens, Is.EqualTo(expected.Tokens), $"{settings}");
            Assert.That(chosen.Entities.Select(Numbers), Is.EqualTo(expected.Entities.Select(Numbers)).Within(1e-5), $"{settings}");
            boxes += chosen.Entities.Sum(entity => entity.BoxConfidences?.Count ?? 0);
        }
        Assert.That(boxes, Is.GreaterThan(s_settings.Length));
    }

    private static double[] Numbers(GroundedEntity entity) =>
        [entity.PhraseProbability ?? -1, .. (entity.BoxConfidences ?? []).SelectMany(box => new[] { box.Probability, box.Score, box.ExpectedBox.X1, box.ExpectedBox.Y2 })];
}
