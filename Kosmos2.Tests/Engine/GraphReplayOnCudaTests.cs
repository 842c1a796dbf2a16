using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Measurement;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Profiling;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Engine;

/// <summary>Answers whose steps a card repeats from its graphs are those of steps that it is given launch by launch.</summary>
[Category("CUDA")]
internal sealed class GraphReplayOnCudaTests
{
    [Test]
    public void TokensAreTheSame([Values] ProductPrecision products)
    {
        ModelDevices.Require("cuda:0");
        (int[][] expected, int launches) = Answer(new GpuOptions { Products = products, Profile = new KernelProfile() }); // which goes without graphs
        (int[][] actual, int replays) = Answer(new GpuOptions { Products = products });
        Assert.That(actual, Is.EqualTo(expected));
        Assert.That(replays, Is.LessThan(launches / 3), "launches");
    }

    // Of pictures and of prompts the second is recorded and the third repeated.
    private static (int[][] Tokens, int Launches) Answer(GpuOptions options)
    {
        IlgpuBackend device = IlgpuBackend.Create(IlgpuDeviceKind.Cuda, 0, options);
        using Kosmos2Model model = Kosmos2Model.Load(TestData.ShapesModel, device);
        var prompt = new BenchPrompt(model.Config);
        var config = new GenerationConfig { MaxNewTokens = 60, EosTokenId = [] };
        var tokens = new List<int[]>();
        for (int picture = 0; picture < 3; picture++)
        {
            using ImageEmbeddings image = model.EncodeImages(Samples.Normal(picture, prompt.Pixels.Length), 1, prompt.Side, prompt.Side);
            tokens.AddRange(model.Generate([prompt.Sequence], image, config).Sequences.Select(answer => answer.Tokens.ToArray()));
        }
        return ([.. tokens], device.Counters.Launches);
    }
}
