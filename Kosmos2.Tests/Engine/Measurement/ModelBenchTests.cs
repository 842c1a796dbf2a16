using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Measurement;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine.Measurement;

/// <summary>What is measured is the model's own answer, its work is counted by hand here, and what cannot be is called a failure.</summary>
internal sealed class ModelBenchTests
{
    // models/kosmos2-shapes: 4 layers of width 256 and 1024, a vocabulary of 1180; an encoder of 4 layers of width 192 and 768, 64 patches of 28 x 28.
    private const double LayerWeights = (4 * 256 * 256) + (2 * 256 * 1024);
    private const double HeadWeights = 1180 * 256;
    private const double EncoderLayerWeights = (4 * 192 * 192) + (2 * 192 * 768);

    [Test]
    public void TheTimedAnswerIsTheModelsOwn()
    {
        const int Tokens = 12;
        using Kosmos2Model model = Kosmos2Model.Load(TestData.ShapesModel, Backends.Create("cpu", threads: 1));
        var prompt = new BenchPrompt(model.Config);
        AnswerTimes answer = new TimedModel(model).Answer(Tokens);
        using ImageEmbeddings image = model.EncodeImages(prompt.Pixels, 1, prompt.Side, prompt.Side);
        var settings = new GenerationConfig { MaxNewTokens = Tokens, EosTokenId = [], NoRepeatNgramSize = 0 };
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Tokens, Is.EqualTo(model.Generate([prompt.Sequence], image, settings).Sequences[0].Tokens));
            Assert.That(answer.Steps, Has.Length.EqualTo(Tokens - 1).And.All.Positive);
            Assert.That(answer.Total, Is.EqualTo(answer.Encode + answer.Prefill + answer.Steps.Sum()).Within(1e-9));
        }
    }

    [Test]
    public void WorkIsThatOfTheProducts()
    {
        using Checkpoint checkpoint = Checkpoint.Open(TestData.ShapesModel);
        Kosmos2Config config = Kosmos2Config.Load(TestData.ShapesModel);
        double weights = (4 * LayerWeights) + HeadWeights;
        const int Rows = 3, Keys = 10, Outputs = 2;
        double attention = 4 * 4.0 * Rows * Keys * 256;
        double operations = (2 * Rows * 4 * LayerWeights) + (2 * Outputs * HeadWeights);

        Work stored = new ModelWork(checkpoint, config, WeightFormat.Stored, packed: true).Decode(Rows, Keys, Outputs);
        Work bfloat16 = new ModelWork(checkpoint, config, WeightFormat.BFloat16, packed: true).Decode(Rows, Keys, Outputs);
        Work int8 = new ModelWork(checkpoint, config, WeightFormat.Int8, packed: true).Decode(Rows, Keys, Outputs);
        Work int4 = new ModelWork(checkpoint, config, WeightFormat.Int4, packed: true).Decode(Rows, Keys, Outputs);
        Work onDevice = new ModelWork(checkpoint, config, WeightFormat.Int4, packed: false).Decode(Rows, Keys, Outputs);
        double scales = 4 * 4.0 * ((5 * 256) + 1024);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(stored, Is.EqualTo(new Work(2 * weights, operations + attention, 0, 0, 0)));
            Assert.That(bfloat16, Is.EqualTo(new Work(2 * weights, attention, operations, 0, 0)));
            // The head is in 8 bits with both.
            double head = HeadWeights + (4.0 * config.TextConfig.VocabSize);
            Assert.That(int8, Is.EqualTo(new Work((4 * LayerWeights) + scales + head, attention, 0, operations, 0)));
            // Half a byte, and a scale for 32, of 16 bits where weights are packed, and of 32 on a GPU.
            Assert.That(int4, Is.EqualTo(new Work((4 * LayerWeights * 9 / 16) + head, attention, 0, 2 * Outputs * HeadWeights, 2 * Rows * 4 * LayerWeights)));
            Assert.That(onDevice.Bytes, Is.EqualTo((4 * LayerWeights * 10 / 16) + head));
        }
    }

    [Test]
    public void APictureIsThatOfTheEncoderAndTheResampler()
    {
        using Checkpoint checkpoint = Checkpoint.Open(TestData.ShapesModel);
        Work work = new ModelWork(checkpoint, Kosmos2Config.Load(TestData.ShapesModel), WeightFormat.Stored, packed: true).Encode();
        const double Patch = 192 * 3 * 28 * 28, Dense = 192 * 256, Projection = 256 * 256;
        double products = (64 * Patch) + (65 * 4 * EncoderLayerWeights) + (65 * Dense) + (2 * 64 * Projection) + (2 * 129 * Projection);
        double attention = (4 * 4.0 * 65 * 65 * 192) + (4.0 * 64 * 129 * 256);
        Assert.That(work.Operations, Is.EqualTo((2 * products) + attention));
        Assert.That(work.Bytes, Is.EqualTo(2 * (Patch + (4 * EncoderLayerWeights) + Dense + (4 * Projection))));
    }

    [Test]
    public void AReportHasEveryPart([Values] WeightResidency residency)
    {
        var options = new EngineOptions { Device = "cpu", Threads = 1, Weights = residency, WeightFormat = WeightFormat.Int4 };
        BenchReport report = ModelBench.Run(TestData.ShapesModel, options, turns: 1);
        using Checkpoint checkpoint = Checkpoint.Open(TestData.ShapesModel);
        var work = new ModelWork(checkpoint, Kosmos2Config.Load(TestData.ShapesModel), WeightFormat.Int4, packed: residency == WeightResidency.Packed);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Figures.Select(figure => (figure.Name, figure.Rows)), Is.EqualTo(
                new[] { ("encode", 65), ("prefill", 71), ("decode 1", 1), ("decode 4", 4), ("decode 16", 16), ("decode 64", 64) }));
            Assert.That(report.Figures.Select(figure => figure.Seconds), Is.All.InRange(1e-6, 100));
            Assert.That(report.Figures[2].Work, Is.EqualTo(work.Decode(1, report.PromptTokens, 1)));
            Assert.That(report.Answer.Total, Is.InRange(report.Answer.FirstToken, 1000));
            Assert.That(report.Answer.Tokens, Has.Length.EqualTo(64));
            Assert.That(report.PeakMemory, Is.GreaterThan(report.WeightBytes));
            Assert.That(report.Figures.Select(figure => figure.Share is null), Is.All.EqualTo(report.Limits is null));
        }
    }

    [Test]
    public void WhatIsFasterThanTheMachineIsAFailure()
    {
        BenchFigure Of(double? share, double? reading = null) => Figure("decode 1", 1, share, reading);
        Assert.That(MadeUpReport.Of(Of(null), Of(0.99), Of(1.02), Of(0.9, 1.02)).Failures, Is.Empty);
        Assert.That(MadeUpReport.Of(Of(0.99), Of(1.1), Of(0.9, 1.2)).Failures, Is.EqualTo(new[] { "failed: decode 1 at 110% of the machine's limit: one of the two is measured or counted wrongly" }));
        Assert.That(Of(0.9, 1.02).IsAboveReading, Is.False);
        Assert.That(Of(0.9, 1.2).IsAboveReading, Is.True);
    }

    [Test]
    public void TheMostTimesAsFastAsAPeerFollowFromTheLimits()
    {
        var peer = new BestAnswer();
        peer.Add(new AnswerTimes(2, 3, [1, 1], [1, 2, 3]));
        BenchReport report = MadeUpReport.Of(Figure("encode", 1.5, 0.5), Figure("prefill", 2, 0.5), Figure("decode 1", 0.8, 0.25), Figure("decode 4", 1, 0.5)) with { AnswerTokens = 3, Peer = peer };
        using (Assert.EnterMultipleScope())
        {
            // Limits of 0.75, 1 and 0.2 s against the peer's 2, 3 and 1; of a whole answer of three tokens 2.15 s against 7.
            Assert.That(report.Figures.Select(report.AtMost), Is.EqualTo(new double?[] { 2 / 0.75, 3, 5, null }).Within(1e-9));
            Assert.That(report.EndToEndAtMost, Is.EqualTo(7 / 2.15).Within(1e-9));
            Assert.That((report with { Peer = null }).EndToEndAtMost, Is.Null);
        }
    }

    private static BenchFigure Figure(string name, double seconds, double? share, double? reading = null) => new(name, 1, seconds, new Work(1, 1, 0, 0, 0), share, reading);
}
