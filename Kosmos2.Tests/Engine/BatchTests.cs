using Kosmos2.Engine.Model;

namespace Kosmos2.Tests.Engine;

/// <summary>A batch is exactly its rows run alone.</summary>
internal sealed class BatchTests
{
    [TestCaseSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))]
    public void RandomBatchesEqualTheirRowsBitForBit(string name)
    {
        using Kosmos2Model model = ReferenceModels.Load(name);
        int latents = model.Config.LatentQueryNum, side = model.Config.VisionConfig.ImageSize;
        var random = new Random(7);
        float[] pixels = [.. Enumerable.Range(0, 3 * 3 * side * side).Select(_ => (random.NextSingle() * 4) - 2)];
        using ImageEmbeddings together = model.EncodeImages(pixels, 3, side, side);
        float[] all = together.ToArray();
        for (int image = 0; image < 3; image++)
        {
            using ImageEmbeddings alone = model.EncodeImages(pixels.AsSpan(image * 3 * side * side, 3 * side * side), 1, side, side);
            Assert.That(alone.ToArray(), Is.EqualTo(all[(image * latents * together.Width)..((image + 1) * latents * together.Width)]), $"image {image}");
        }

        for (int round = 0; round < 5; round++)
        {
            SequenceInput[] batch = [.. Enumerable.Range(0, random.Next(2, 8)).Select(_ => RandomSequence(model, random))];
            ForwardOutput output = model.Forward(batch, together);
            for (int i = 0; i < batch.Length; i++)
            {
                ForwardOutput alone = model.Forward([batch[i]], together);
                float[] part = output.Logits[(output.RowStarts[i] * output.Vocabulary)..(output.RowStarts[i + 1] * output.Vocabulary)];
                Assert.That(alone.Logits, Is.EqualTo(part), $"round {round}, sequence {i} of {batch.Length}");
            }
        }
    }

    [Test]
    public void RowsThatAreAskedForHaveTheLogitsThatTheyHaveAmongAll()
    {
        using Kosmos2Model model = ReferenceModels.Load("odd-sizes");
        int[] ids = [.. Enumerable.Range(8, 20)];
        ForwardOutput all = model.Forward([new SequenceInput { TokenIds = ids }]);
        ForwardOutput some = model.Forward(
            [new() { TokenIds = ids, LogitRange = 3..^2 }, new() { TokenIds = ids }, new() { TokenIds = ids, LogitRange = 5..5 }, new() { TokenIds = ids, LogitRange = ..1 }],
            logits: LogitRows.Last);
        Assert.That(some.RowStarts, Is.EqualTo(new[] { 0, 15, 16, 16, 17 }));
        Assert.That(some.Logits, Is.EqualTo((float[])[.. all.Logits.AsSpan(3 * all.Vocabulary, 15 * all.Vocabulary), .. all.Row(0, 19), .. all.Row(0, 0)]));
    }

    [Test]
    public void MalformedSequencesAreRefusedByName()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        using KeyValueCache cache = model.CreateCache();
        void Refused(string message, params SequenceInput[] sequences) =>
            Assert.That(() => model.Forward(sequences), Throws.ArgumentException.With.Message.Contains(message));

        Refused("no sequences");
        Refused("sequence 1 is null", new() { TokenIds = [4] }, null!);
        Refused("sequence 0 has no tokens", new SequenceInput { TokenIds = [] });
        Refused("sequence 1, token 2: token id 99 is not in 0 .. 98", new() { TokenIds = [4] }, new() { TokenIds = [4, 5, 99] });
        Refused("token id -1", new SequenceInput { TokenIds = [-1] });
        Refused("given row 0 is not in -1 .. -1", new SequenceInput { TokenIds = [4], GivenRows = [0] });
        Refused("2 entries in GivenRows", new SequenceInput { TokenIds = [4], GivenRows = [-1, -1] });
        Refused("0 entries in AttentionMask", new SequenceInput { TokenIds = [4], AttentionMask = [] });
        Refused("position -5", new SequenceInput { TokenIds = [4], PositionIds = [-5] });
        Refused("LogitRange 1..3 is no part", new SequenceInput { TokenIds = [4, 5], LogitRange = 1..3 });
        Refused("LogitRange ^3..1 is no part", new SequenceInput { TokenIds = [4, 5], LogitRange = ^3..1 });
        Refused("LogitRange 1..0 is no part", new SequenceInput { TokenIds = [4, 5], LogitRange = 1..0 });
        Refused("sequence 1 shares its cache", new() { TokenIds = [4], Cache = cache }, new() { TokenIds = [5], Cache = cache });
    }

    private static SequenceInput RandomSequence(Kosmos2Model model, Random random)
    {
        int length = random.Next(1, 90), latents = model.Config.LatentQueryNum;
        int[] ids = [.. Enumerable.Range(0, length).Select(_ => random.Next(0, model.Config.TextConfig.VocabSize))];
        int[]? given = random.Next(2) == 0 ? null : [.. Enumerable.Range(0, length).Select(_ => random.Next(3) == 0 ? random.Next(3 * latents) : -1)];
        bool[]? mask = random.Next(3) != 0 ? null : [.. Enumerable.Range(0, length).Select(_ => random.Next(4) != 0)];
        return new SequenceInput { TokenIds = ids, GivenRows = given, AttentionMask = mask };
    }
}
