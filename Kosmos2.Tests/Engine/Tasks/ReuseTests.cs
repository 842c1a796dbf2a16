using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;
using Kosmos2.Imaging;
using Kosmos2.Kernels;
using Kosmos2.Tests.Weights;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine.Tasks;

/// <summary>A picture is encoded once and read once, and answers are those of prompts run alone, to the bit.</summary>
internal sealed class ReuseTests
{
    private const int Latents = 64;

    private static readonly EngineOptions s_nothingKept = new() { PrefixCacheTokens = 0, ImageCacheBytes = 0 };
    private static readonly RgbImage s_first = Scene("22000000.png"), s_second = Scene("22000001.png");
    private static readonly GenerationConfig s_scores = new() { MaxNewTokens = 24 };
    private static readonly string[] s_colors = ["red", "blue", "a very light green", "black"];

    [Test]
    public void QuestionsInOneCallCostOneEncoderPassAndOneReadingOfThePicture()
    {
        (Kosmos2Engine engine, CountingBackend counts) = Load(s_nothingKept);
        using Kosmos2Engine kosmos = engine;
        Prompt[] prompts = [.. s_colors.Select(color => Show(s_first).Append(Prompts.Ask($"Is it {color}?")))];
        kosmos.Generate(prompts, new GenerationConfig { MaxNewTokens = 1 });
        int text = prompts.Sum(prompt => kosmos.Processor.Encode(prompt, ProcessorOptions.Default).Ids.Length - Latents - 3);
        Assert.That((counts.EncoderPasses, counts.Pictures), Is.EqualTo((1, 1)));
        Assert.That(counts.DecoderPasses, Is.EqualTo(2), "what all share, and the rest of each");
        Assert.That(counts.DecoderRows, Is.AtMost(Latents + 3 + text));
        Assert.That(counts.LogitRows, Is.EqualTo(prompts.Length), "one row a prompt");
    }

    [Test]
    public void QuestionsInSeveralCallsCostOneEncoderPassAndOneReadingOfThePicture()
    {
        (Kosmos2Engine engine, CountingBackend counts) = Load(new EngineOptions());
        using Kosmos2Engine kosmos = engine;
        kosmos.Ask(s_first, "What color is it?", config: new GenerationConfig { MaxNewTokens = 1 });
        Assert.That((counts.Pictures, counts.DecoderPasses), Is.EqualTo((1, 1)), "the first question is one pass too");
        counts.Reset();
        kosmos.Ask(s_first, "How many shapes are there?", config: new GenerationConfig { MaxNewTokens = 1 });
        Assert.That(counts.DecoderRows, Is.LessThan(Latents), "the picture's rows were not read again");
        int asked = counts.DecoderRows;
        kosmos.Choose(s_first, "What color is it?", s_colors);
        Assert.That(counts.DecoderRows - asked, Is.LessThan(Latents), "nor were they for the choices");
        Assert.That(counts.Pictures, Is.Zero);
    }

    [Test]
    public void ABatchTakesAsManyProductsAsOnePrompt()
    {
        (Kosmos2Engine engine, CountingBackend counts) = Load(s_nothingKept);
        using Kosmos2Engine kosmos = engine;
        var one = new GenerationConfig { MaxNewTokens = 1 };
        kosmos.Generate([Show(s_first).Append(Prompts.Caption)], one);
        int alone = counts.Products;
        counts.Reset();
        kosmos.Generate([Show(s_first).Append(Prompts.Caption), Show(s_second).Append(Prompts.GroundedDetail), "An image of"], one);
        Assert.That(counts.Products, Is.EqualTo(alone));
    }

    [Test]
    public void OnlyRowsThatPredictAScoredTokenHaveLogits()
    {
        (Kosmos2Engine engine, CountingBackend counts) = Load(s_nothingKept);
        using Kosmos2Engine kosmos = engine;
        IReadOnlyList<RankedText> ranked = kosmos.Choose(s_first, "What color is it?", s_colors);
        Assert.That(counts.LogitRows, Is.EqualTo(ranked.Sum(text => text.Score.Tokens.Count)));
        Assert.That((counts.EncoderPasses, counts.DecoderPasses), Is.EqualTo((1, 2)), "one pass for all choices");
    }

    [TestCase(512, null)]
    [TestCase(80, null)]
    [TestCase(512, 176)]
    public void WhatIsKeptChangesNoBit(int prefixTokens, int? maxCachedTokens)
    {
        using Kosmos2Engine plain = Load(s_nothingKept).Engine, keeping = Load(new EngineOptions { PrefixCacheTokens = prefixTokens, MaxCachedTokens = maxCachedTokens }).Engine;
        for (int round = 0; round < 2; round++)
        {
            foreach (RgbImage image in new[] { s_first, s_second })
            {
                foreach (Prompt prompt in new[] { Prompts.GroundedCaption, Prompts.Ask("What color is the ring?"), Prompts.Ask("What color is the star?"), Prompts.Ground("a ring") })
                    Assert.That(keeping.Generate(image, prompt, s_scores).Tokens, Is.EqualTo(plain.Generate(image, prompt, s_scores).Tokens), $"{prompt}");
                TextScore[] expected = [.. s_colors.SelectMany(color => plain.Score(image, [color], Prompts.Caption))];
                TextScore[] actual = maxCachedTokens is null
                    ? [.. keeping.Score(image, [.. s_colors.Select(color => (Prompt)color)], Prompts.Caption)]
                    : [.. s_colors.SelectMany(color => keeping.Score(image, [color], Prompts.Caption))];
                Assert.That(actual.SelectMany(s => s.LogProbabilities), Is.EqualTo(expected.SelectMany(s => s.LogProbabilities)));
            }
        }
    }

    [Test]
    public void EncodedPicturesAreFoundAgainInTheirFolderUnlessTheyAreDamaged()
    {
        using var folder = new TemporaryFolder();
        var options = new EngineOptions { ImageCacheFolder = Path.Combine(folder.Path, "pictures"), ImageCacheBytes = 0, PrefixCacheTokens = 0 };
        float[] rows = Encode(options, expectedPictures: 1);
        string file = Directory.GetFiles(options.ImageCacheFolder).Single();
        Assert.That(Encode(options, expectedPictures: 0), Is.EqualTo(rows));

        byte[] whole = File.ReadAllBytes(file);
        byte[] flipped = [.. whole];
        flipped[^5] ^= 1;
        foreach (byte[] bad in (byte[][])[[], [1, 2, 3], whole[..^4], flipped, [.. whole, 0, 0], new byte[1 << 20]])
        {
            File.WriteAllBytes(file, bad);
            Assert.That(Encode(options, expectedPictures: 1), Is.EqualTo(rows));
            Assert.That(File.ReadAllBytes(file), Is.EqualTo(whole), "written anew");
        }
        Assert.That(Directory.GetFiles(options.ImageCacheFolder), Has.Length.EqualTo(1));
    }

    private static float[] Encode(EngineOptions options, int expectedPictures)
    {
        (Kosmos2Engine engine, CountingBackend counts) = Load(options);
        using Kosmos2Engine kosmos = engine;
        using Kosmos2.Engine.Model.ImageEmbeddings embeddings = kosmos.EncodeImage(s_first);
        Assert.That(counts.Pictures, Is.EqualTo(expectedPictures));
        return embeddings.ToArray();
    }

    private static (Kosmos2Engine Engine, CountingBackend Counts) Load(EngineOptions options)
    {
        var counts = new CountingBackend(Backends.Create("cpu", threads: 1));
        return (Kosmos2Engine.Load(TestData.ShapesModel, Kosmos2Config.Load(TestData.ShapesModel), counts, options), counts);
    }

    private static Prompt Show(RgbImage image) => new Prompt().Image(image);

    private static RgbImage Scene(string name) => Picture.Load(TestData.File("shapes", name));
}
