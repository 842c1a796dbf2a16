using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine;

/// <summary>The shipped model's answers on an OpenCL device, token by token against the CPU's.</summary>
[Category("OpenCL")]
internal sealed class OpenClAnswerTests
{
    private static readonly GenerationConfig s_config = new() { MaxNewTokens = 96, NoRepeatNgramSize = 0 };

    /// <summary>
    /// A token may differ only where the CPU's led by less than what the order of sums changes: with a smaller cache also what comes of a number that is
    /// rounded up there and down here.
    /// </summary>
    [TestCase(CacheFormat.Float32, 12, TokenComparison.DecidedLead)]
    [TestCase(CacheFormat.BFloat16, 3, 0.02)]
    [TestCase(CacheFormat.Int8, 3, 0.05)]
    public void TokensAreTheCpus(CacheFormat cache, int scenes, double decidedLead)
    {
        OpenClModelTests.RequireDevice();
        using Kosmos2Engine cpu = Load("cpu", cache), device = Load("opencl", cache);
        string folder = TestData.File("shapes");
        int compared = 0;
        var wrong = new List<string>();
        foreach (IGrouping<string, ShapesCase> scene in Cases(folder).GroupBy(one => one.PicturePath(folder)).Take(scenes))
        {
            ShapesCase[] cases = [.. scene];
            RgbImage picture = Picture.Load(scene.Key);
            IReadOnlyList<GeneratedSequence> expected = Answers(cpu, picture, cases, s_config with { OutputLogits = true });
            IReadOnlyList<GeneratedSequence> actual = Answers(device, picture, cases, s_config);
            for (int i = 0; i < cases.Length; i++)
            {
                int same = expected[i].Tokens.Zip(actual[i].Tokens).TakeWhile(pair => pair.First == pair.Second).Count();
                compared += same;
                if (same == expected[i].Tokens.Count && same == actual[i].Tokens.Count)
                    continue;
                double lead = Lead(expected[i].Logits![same]);
                TestContext.Out.WriteLine($"{cases[i].Key}: token {same} differs, the CPU's led by {lead:g3}");
                if (lead >= decidedLead)
                    wrong.Add($"{cases[i].Key}: token {same} is {actual[i].Tokens[same]}, the CPU's {expected[i].Tokens[same]} led by {lead:g3}");
            }
        }
        Assert.That(wrong, Is.Empty);
        Assert.That(compared, Is.GreaterThan(50 * scenes));
    }

    private static Kosmos2Engine Load(string device, CacheFormat cache) =>
        Kosmos2Engine.Load(TestData.ShapesModel, ModelValidator.Exact(new EngineOptions { Device = device, Threads = 1, CacheFormat = cache }));

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
