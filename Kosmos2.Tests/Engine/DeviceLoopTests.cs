using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Engine;

/// <summary>What the loop that makes tokens asks of a device in each of its steps, counted while the shipped model answers.</summary>
[Category("OpenCL")]
internal sealed class DeviceLoopTests
{
    private const int WarmUp = 4;
    private const int Steps = 6;

    /// <summary>
    /// A layer's launches, and those of embeddings, of the rows that have outputs, of the head and of the choice. From eight rows on every norm is a launch of
    /// its own.
    /// </summary>
    [TestCase(1, 6, 4)]
    [TestCase(8, 10, 5)]
    [TestCase(64, 10, 5)]
    public void AStepWaitsOnceAndTakesSoManyLaunches(int sequences, int ofLayer, int besides)
    {
        ModelDevices.Require("opencl:0");
        IlgpuBackend device = IlgpuBackend.Create(IlgpuDeviceKind.OpenCl);
        using Kosmos2Model model = Kosmos2Model.Load(TestData.ShapesModel, device);
        DeviceCounters counters = device.Counters;
        var steps = new List<(int Waits, int Uploads, int Launches)>();
        var hooks = new GenerationHooks
        {
            Progress = new SynchronousProgress<GeneratedToken>(token =>
            {
                if (token.Sequence == 0)
                    steps.Add((counters.Synchronisations, counters.Uploads, counters.Launches));
            }),
        };
        // Without an end-of-sequence token all answers are equally long.
        SequenceInput[] prompts = [.. Enumerable.Range(0, sequences).Select(i => new SequenceInput { TokenIds = [8 + i, 9, 10] })];
        model.Generate(prompts, null, new GenerationConfig { MaxNewTokens = WarmUp + Steps + 1, EosTokenId = [] }, hooks);
        (int, int, int)[] each = [.. steps.Zip(steps.Skip(1), (one, next) => (next.Waits - one.Waits, next.Uploads - one.Uploads, next.Launches - one.Launches))];
        Assert.That(each.Skip(WarmUp), Has.Exactly(Steps).Items.And.All.EqualTo((1, 1, (ofLayer * model.Config.TextConfig.Layers) + besides)));
    }
}
