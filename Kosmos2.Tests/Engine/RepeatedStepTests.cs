using Kosmos2.Engine.Measurement;
using Kosmos2.Engine.Model;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Engine;

/// <summary>A picture's encoding, its prompt and the tokens after it, repeated from recordings, give what they give without.</summary>
internal sealed class RepeatedStepTests
{
    private const int Steps = 3;

    [Test]
    public void PicturesPromptsAndTokensAreRecordedOnceAndRepeated()
    {
        var repeating = new RepeatingBackend();
        using Kosmos2Model plain = ReferenceModels.Load("upstream-test"), model = Kosmos2Model.Load(ReferenceModels.Folder("upstream-test"), repeating);
        var prompt = new BenchPrompt(model.Config);
        for (int picture = 0; picture < 4; picture++)
        {
            float[] pixels = Samples.Normal(picture, prompt.Pixels.Length);
            Assert.That(Answer(model, prompt, pixels), Is.EqualTo(Answer(plain, prompt, pixels)), $"picture {picture}");
        }
        // Of each: the first runs plainly, the second is recorded, and what comes after is repeated.
        Assert.That((repeating.Recordings, repeating.Repeats), Is.EqualTo((3, 2 + 2 + (4 * Steps) - 2)));
    }

    [Test]
    public void PicturesOfAnotherNumberAreAnotherRecording()
    {
        var repeating = new RepeatingBackend();
        using Kosmos2Model plain = ReferenceModels.Load("upstream-test"), model = Kosmos2Model.Load(ReferenceModels.Folder("upstream-test"), repeating);
        var prompt = new BenchPrompt(model.Config);
        foreach (int images in (int[])[1, 2, 1, 2, 2, 1])
        {
            float[] pixels = Samples.Normal(images, images * prompt.Pixels.Length);
            using ImageEmbeddings expected = plain.EncodeImages(pixels, images, prompt.Side, prompt.Side);
            using ImageEmbeddings encoded = model.EncodeImages(pixels, images, prompt.Side, prompt.Side);
            Assert.That(encoded.ToArray(), Is.EqualTo(expected.ToArray()), $"{images} pictures");
        }
    }

    [Test]
    public void SequencesWithPromptsOfTheirOwnAreNotRecorded()
    {
        var repeating = new RepeatingBackend();
        using Kosmos2Model plain = ReferenceModels.Load("upstream-test"), model = Kosmos2Model.Load(ReferenceModels.Folder("upstream-test"), repeating);
        // The same number of rows, of sequences and of outputs, shared out in three ways.
        foreach (int first in (int[])[3, 5, 8])
        {
            SequenceInput[] prompts = [new() { TokenIds = [.. Enumerable.Range(8, first)] }, new() { TokenIds = [.. Enumerable.Range(20, 12 - first)] }];
            Assert.That(Logits(model, prompts), Is.EqualTo(Logits(plain, prompts)), $"{first} tokens");
        }
        Assert.That(repeating.Recordings, Is.Zero);
    }

    // The logits of the prompt and of every token.
    private static float[][] Answer(Kosmos2Model model, BenchPrompt prompt, float[] pixels)
    {
        using ImageEmbeddings image = model.EncodeImages(pixels, 1, prompt.Side, prompt.Side);
        using DecodeSession session = model.StartSession([prompt.Sequence], image);
        var logits = new List<float[]>();
        session.Forward();
        logits.Add(session.LogitsOf(0).ToArray());
        for (int step = 0; step < Steps; step++)
        {
            session.Forward([20 + step]);
            logits.Add(session.LogitsOf(0).ToArray());
        }
        return [.. logits];
    }

    private static float[][] Logits(Kosmos2Model model, SequenceInput[] prompts)
    {
        using DecodeSession session = model.StartSession(prompts, null);
        session.Forward();
        return [session.LogitsOf(0).ToArray(), session.LogitsOf(1).ToArray()];
    }
}
