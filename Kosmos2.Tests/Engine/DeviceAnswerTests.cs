using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Tests.Engine;

/// <summary>The shipped model's answers on a device, token by token against the CPU's.</summary>
[TestFixture("opencl:0", ProductPrecision.Exact, Category = "OpenCL")]
[TestFixture("cuda:0", ProductPrecision.Exact, Category = "CUDA")]
[TestFixture("cuda:0", ProductPrecision.Fast, Category = "CUDA")]
internal sealed class DeviceAnswerTests(string device, ProductPrecision products)
{
    // Attention rounds to 8 bits of significand there, and the rows of a product to the 11 of its weights.
    private const double FastLead = 0.1;

    // Of the evaluation set's two hundred.
    private const int EveryScene = 25;

    private static readonly GenerationConfig s_config = new() { MaxNewTokens = 96, NoRepeatNgramSize = 0 };

    [SetUp]
    public void RequireDevice() => ModelDevices.Require(device);

    /// <summary>
    /// A token may differ only where the CPU's led by less than what the order of sums changes: with a smaller cache also what comes of a number that is
    /// rounded up there and down here.
    /// </summary>
    [TestCase(CacheFormat.Float32, 12, TokenComparison.DecidedLead)]
    [TestCase(CacheFormat.BFloat16, 3, 0.02)]
    [TestCase(CacheFormat.Int8, 3, 0.05)]
    public void TokensAreTheCpus(CacheFormat cache, int scenes, double decidedLead) =>
        Compare(TestData.File("shapes"), cache, decidedLead, all => all.Take(scenes));

    /// <summary>Scenes of the evaluation set, from its beginning to its end.</summary>
    [Test]
    public void TokensOfTheEvaluationSetAreTheCpus() => Compare(
        TestData.Shared("shapes-eval"), CacheFormat.Float32, TokenComparison.DecidedLead, all => all.Where((_, index) => index % EveryScene == 0));

    private void Compare(string folder, CacheFormat cache, double decidedLead, Func<IEnumerable<ShapesCase[]>, IEnumerable<ShapesCase[]>> choose)
    {
        double lead = products == ProductPrecision.Fast ? Math.Max(FastLead, decidedLead) : decidedLead;
        using Kosmos2Engine cpu = Load("cpu", ProductPrecision.Exact, cache), other = Load(device, products, cache);
        int answers = 0, tokens = 0, differences = 0;
        var wrong = new List<string>();
        foreach (ShapesCase[] cases in choose(Cases(folder).GroupBy(one => one.PicturePath(folder)).Select(scene => scene.ToArray())))
        {
            RgbImage picture = Picture.Load(cases[0].PicturePath(folder));
            IReadOnlyList<GeneratedSequence> expected = Answers(cpu, picture, cases, s_config with { OutputLogits = true });
            IReadOnlyList<GeneratedSequence> actual = Answers(other, picture, cases, s_config);
            answers += cases.Length;
            for (int i = 0; i < cases.Length; i++)
            {
                int same = expected[i].Tokens.Zip(actual[i].Tokens).TakeWhile(pair => pair.First == pair.Second).Count();
                tokens += same;
                if (same == expected[i].Tokens.Count && same == actual[i].Tokens.Count)
                    continue;
                differences++;
                double led = Lead(expected[i].Logits![same]);
                string difference = $"{cases[i].Image}, {cases[i].Task}: token {same} is {actual[i].Tokens[same]}, the CPU's {expected[i].Tokens[same]} led by {led:g3}";
                TestContext.Out.WriteLine(difference);
                if (led >= lead)
                    wrong.Add(difference);
            }
        }
        TestContext.Out.WriteLine($"{answers} answers, {tokens} equal tokens, {differences} answers that differ");
        Assert.That(wrong, Is.Empty);
        Assert.That(tokens, Is.GreaterThan(5 * answers));
    }

    private static Kosmos2Engine Load(string device, ProductPrecision products, CacheFormat cache) =>
        Kosmos2Engine.Load(TestData.ShapesModel, new EngineOptions { Device = device, Threads = 1, Products = products, CacheFormat = cache });

    private static IEnumerable<ShapesCase> Cases(string folder) =>
        ReferenceLines.Read(Path.Combine(folder, CasesReference.FileName), ShapesCase.Parse).Select(line => line.Item2);

    /// <summary>All of a scene's answers as one batch.</summary>
    private static IReadOnlyList<GeneratedSequence> Answers(Kosmos2Engine engine, RgbImage picture, ShapesCase[] cases, GenerationConfig config)
    {
        using ImageEmbeddings embeddings = engine.EncodeImage(picture);
        SequenceInput[] prompts = Array.ConvertAll(cases, one => Prompt(engine, picture, one.Prompt));
        return engine.Model.Generate(prompts, embeddings, config).Sequences;
    }

    private static SequenceInput Prompt(Kosmos2Engine engine, RgbImage picture, string text)
    {
        var options = new ProcessorOptions { NumImageTokens = engine.Config.LatentQueryNum };
        ProcessorOutput input = engine.Processor.Process(new ProcessorInput { Text = text, Image = picture }, options);
        return PaddedBatch.ToSequences(input.InputIds, null, input.ImageEmbedsPositionMask, engine.Config.TextConfig.PadTokenId)[0].Sequence;
    }

    private static double Lead(float[] logits)
    {
        float[] two = [.. logits.OrderDescending().Take(2)];
        return two[0] - (double)two[1];
    }
}
