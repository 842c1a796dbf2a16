using System.Text.Json;
using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;
using static System.FormattableString;

namespace Kosmos2.Tests.Engine;

/// <summary>Confidences of phrases and boxes, and what they are worth on the held-out scenes.</summary>
internal sealed class ConfidenceTests
{
    private const int Bins = 5;

    [Test]
    public void WhatTheModelWroteHasConfidencesAndWhatThePromptGaveHasNone()
    {
        using Kosmos2Engine engine = Load();
        RgbImage scene = Picture.Load(TestData.File("shapes", "22000000.png"));

        GroundedEntity named = engine.Caption(scene).Entities[0];
        Assert.That(named.PhraseProbability, Is.InRange(0.0, 1.0).And.GreaterThan(0.1));
        Assert.That(named.BoxConfidences, Has.Count.EqualTo(named.Boxes.Count));
        Assert.That(named.Confidence, Is.EqualTo(named.BoxConfidences!.Min(box => box.Score)));
        Assert.That(named.BoxConfidences![0].Score, Is.GreaterThanOrEqualTo(named.BoxConfidences[0].Probability).And.LessThanOrEqualTo(1));
        Assert.That(named.BoxConfidences[0].ExpectedBox.IntersectionOverUnion(named.Boxes[0]), Is.GreaterThan(0.5));

        GroundedEntity found = engine.Ground(scene, named.Name).Entities[0];
        Assert.That(found.PhraseProbability, Is.Null, "the prompt gave the phrase");
        Assert.That(found.Confidence, Is.Not.Null);

        GroundedEntity given = engine.Refer(scene, named.Boxes[0]).Entities[0];
        Assert.That(given.Confidence, Is.Null, "the prompt gave the box");
    }

    [Test]
    public void BeamsAndSamplesHaveThemToo()
    {
        using Kosmos2Engine engine = Load();
        RgbImage scene = Picture.Load(TestData.File("shapes", "22000000.png"));
        foreach (GenerationConfig config in (GenerationConfig[])[new GenerationConfig { NumBeams = 3 }, new GenerationConfig { DoSample = true, Seed = 5 }])
            Assert.That(engine.Caption(scene, config: config).Entities.Select(entity => entity.Confidence ?? -1), Is.Not.Empty.And.All.InRange(0, 1), $"{config.NumBeams} {config.DoSample}");
    }

    /// <summary>Of the boxes with a score near s about the share s is right; and the grammar seldom has to change a trained model's answer.</summary>
    [Test]
    public void ScoresAreTheShareOfBoxesThatAreRight()
    {
        string folder = TestData.Shared("shapes-eval");
        using Kosmos2Engine engine = Load();
        var boxes = new List<(double Score, double Overlap, double Expected)>();
        int answers = 0, changed = 0;
        string[] lines = File.ReadAllLines(Path.Combine(folder, "cases.jsonl"));
        for (int i = 0; i < lines.Length; i += 3)
        {
            using var line = JsonDocument.Parse(lines[i]);
            ShapesCase one = ShapesCase.Parse(line.RootElement);
            RgbImage picture = Picture.Load(one.PicturePath(folder));
            var settings = new GenerationConfig { MaxNewTokens = 128, NoRepeatNgramSize = 0 };
            GroundedAnswer free = engine.Generate(picture, one.Prompt, settings);
            GroundedAnswer kept = engine.Generate(picture, one.Prompt, settings with { WellFormedGrounding = true });
            answers++;
            changed += kept.Tokens.SequenceEqual(free.Tokens) ? 0 : 1;
            if (CaseTruth.Parse(line.RootElement) is { } truth)
                boxes.AddRange(kept.Entities.Where(entity => entity.BoxConfidences is not null).SelectMany(entity => Judge(entity, truth)));
        }

        double error = 0;
        TestContext.Out.WriteLine(Invariant($"{boxes.Count} boxes; the grammar changed {changed} of {answers} answers"));
        foreach (var bin in boxes.GroupBy(box => Math.Min(Bins - 1, (int)(box.Score * Bins))).OrderBy(bin => bin.Key))
        {
            double score = bin.Average(box => box.Score), right = bin.Average(box => box.Overlap >= 0.5 ? 1.0 : 0);
            error += Math.Abs(score - right) * bin.Count() / boxes.Count;
            TestContext.Out.WriteLine(Invariant($"score {bin.Key / (double)Bins:0.0} to {(bin.Key + 1.0) / Bins:0.0}: {bin.Count(),4} boxes, mean score {score:0.000}, right {right:0.000}"));
        }
        TestContext.Out.WriteLine(Invariant($"expected calibration error {error:0.000}; mean IoU of the boxes {boxes.Average(b => b.Overlap):0.000}, of the expected boxes {boxes.Average(b => b.Expected):0.000}"));
        Assert.That(boxes, Has.Count.GreaterThan(300));
        Assert.That(error, Is.LessThan(0.1));
        Assert.That(changed, Is.LessThan(answers / 50));
    }

    /// <summary>Each box against the true box of that name it is nearest to, or against the one asked for.</summary>
    private static IEnumerable<(double Score, double Overlap, double Expected)> Judge(GroundedEntity entity, CaseTruth truth)
    {
        Box[] right = truth.Asked is { } asked ? [asked] : [.. truth.Things.Where(thing => thing.Name == entity.Name).Select(thing => thing.Box)];
        if (right.Length == 0)
            yield break; // the name is wrong: nothing to say about its box
        for (int i = 0; i < entity.Boxes.Count; i++)
        {
            BoxConfidence confidence = entity.BoxConfidences![i];
            yield return (confidence.Score, right.Max(entity.Boxes[i].IntersectionOverUnion), right.Max(confidence.ExpectedBox.IntersectionOverUnion));
        }
    }

    private static Kosmos2Engine Load() => Kosmos2Engine.Load(TestData.ShapesModel, new EngineOptions { Device = "cpu", Threads = 2 });
}
