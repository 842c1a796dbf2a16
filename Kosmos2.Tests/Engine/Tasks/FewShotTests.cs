using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;
using Kosmos2.Imaging;

namespace Kosmos2.Tests.Engine.Tasks;

/// <summary>Prompts with examples in front: several pictures, each in its own place, read as one sequence.</summary>
internal sealed class FewShotTests
{
    private const int Latents = 64;
    private static readonly RgbImage s_first = Scene("22000000.png"), s_second = Scene("22000001.png"), s_third = Scene("22000002.png");

    /// <summary>Token by token, the likeliest one of a forward pass over all rows with all pictures' embeddings, without a cache.</summary>
    [Test]
    public void AnAnswerAfterExamplesIsThatOfAllTheirRows()
    {
        using Kosmos2Engine engine = Load();
        Prompt prompt = FewShot(s_first, s_second, s_third);
        GroundedAnswer answer = engine.Generate([prompt], new GenerationConfig { MaxNewTokens = 12, NoRepeatNgramSize = 0, WellFormedGrounding = false })[0];

        (int[] ids, int[] starts) = engine.Processor.Encode(prompt, ProcessorOptions.Default);
        int[] given = [.. Enumerable.Repeat(-1, ids.Length)];
        for (int picture = 0; picture < starts.Length; picture++)
        {
            for (int i = 0; i < Latents; i++)
                given[starts[picture] + i] = (picture * Latents) + i;
        }
        float[] pixels = [.. new[] { s_first, s_second, s_third }.SelectMany(image => engine.Processor.ImageProcessor.Process(image).Values)];
        using ImageEmbeddings pictures = engine.Model.EncodeImages(pixels, 3, 224, 224);
        var expected = new List<int>();
        while (expected.Count < answer.Tokens.Count)
        {
            ForwardOutput output = engine.Model.Forward(
                [new SequenceInput { TokenIds = [.. ids, .. expected], GivenRows = [.. given, .. Enumerable.Repeat(-1, expected.Count)] }], pictures);
            float[] last = [.. output.Row(0, ids.Length + expected.Count - 1)];
            expected.Add(Array.IndexOf(last, last.Max()));
        }
        Assert.That(starts, Has.Length.EqualTo(3));
        Assert.That(answer.Tokens, Is.EqualTo(expected));
    }

    /// <summary>Which examples there are, and in which order, changes how likely the same text is; their text does too.</summary>
    [Test]
    public void ExamplesCount()
    {
        using Kosmos2Engine engine = Load();
        double[] likelihoods =
        [
            Likelihood(s_second, new Prompt().Text("An image of a green square and a red star.").Image(s_third)),
            Likelihood(s_first, new Prompt().Text("An image of a green square and a red star.").Image(s_third)),
            Likelihood(s_second, new Prompt().Text("An image of a black ring.").Image(s_third)),
            Likelihood(s_first, new Prompt().Text("An image of a red ring.").Image(s_second).Text("An image of a green square and a red star.").Image(s_third)),
            Likelihood(s_third, new Prompt()),
        ];
        Assert.That(likelihoods, Is.Unique.And.All.Negative);

        double Likelihood(RgbImage image, Prompt prompt) => engine.Score(image, ["An image of a black square."], prompt)[0].LogLikelihood;
    }

    private static Prompt FewShot(RgbImage first, RgbImage second, RgbImage asked) =>
        new Prompt().Image(first).Text("An image of a red ring.").Image(second).Text("An image of a green square and a red star.").Image(asked).Text("An image of");

    private static Kosmos2Engine Load() => Kosmos2Engine.Load(TestData.ShapesModel, new EngineOptions { Device = "cpu", Threads = 1 });

    private static RgbImage Scene(string name) => Picture.Load(TestData.File("shapes", name));
}
