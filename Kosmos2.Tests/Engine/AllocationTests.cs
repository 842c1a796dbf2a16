using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Tokens, from the choice of one to the choice of the next, leave nothing behind: neither for the garbage collector nor in native memory.</summary>
internal sealed class AllocationTests
{
    private const int WarmUp = 20;

    [TestCase(WeightFormat.Stored, WeightResidency.Mapped, CacheFormat.Float32)]
    [TestCase(WeightFormat.Stored, WeightResidency.Packed, CacheFormat.Float32)]
    [TestCase(WeightFormat.BFloat16, WeightResidency.Packed, CacheFormat.BFloat16)]
    [TestCase(WeightFormat.Int8, WeightResidency.Packed, CacheFormat.Float32)]
    [TestCase(WeightFormat.Int8, WeightResidency.Mapped, CacheFormat.Int8)]
    [TestCase(WeightFormat.Int4, WeightResidency.Packed, CacheFormat.Float32)]
    public void AThousandTokensAllocateNothing(WeightFormat format, WeightResidency residency, CacheFormat cacheFormat)
    {
        var options = new CpuOptions { Threads = 2, Weights = residency, Products = ProductPrecision.Fast };
        using Kosmos2Model model = Kosmos2Model.Load(TestData.ShapesModel, new CpuBackend(options), null, format, cacheFormat);
        NothingIsLeft(model, tokens: 1000);
    }

    /// <summary>A launch through ILGPU takes nothing either; of native memory the host's is counted.</summary>
    [TestCase("opencl:0", Category = "OpenCL")]
    [TestCase("cuda:0", Category = "CUDA")]
    public void TokensOfADeviceAllocateNothing(string device)
    {
        ModelDevices.Require(device);
        using Kosmos2Model model = Kosmos2Model.Load(TestData.ShapesModel, Backends.Create(device));
        NothingIsLeft(model, tokens: 100);
    }

    private static void NothingIsLeft(Kosmos2Model model, int tokens)
    {
        // The first answer takes what all later ones use again: blocks of the cache, working memory, compiled code. Beside us the test's host and the runtime
        // allocate now and then, as for a lock's first contention, so each token is looked at in several answers: what it takes itself it takes in all.
        Measure(model, tokens);
        var least = new long[tokens];
        least.AsSpan().Fill(long.MaxValue);
        for (int answer = 1; answer <= 8 && least.Any(bytes => bytes != 0); answer++)
        {
            (long[] managed, long native, long allocations) = Measure(model, tokens);
            Assert.That((native, allocations), Is.EqualTo((0, 0)), $"answer {answer}: native bytes and allocations");
            for (int i = 0; i < tokens; i++)
                least[i] = Math.Min(least[i], managed[i]);
        }
        Assert.That(least, Is.All.Zero, "managed bytes of all threads, token by token");
    }

    private static (long[] Managed, long Native, long Allocations) Measure(Kosmos2Model model, int tokens)
    {
        var managed = new long[tokens];
        long before = 0, native = 0, allocations = 0;
        var hooks = new GenerationHooks
        {
            Progress = new SynchronousProgress<GeneratedToken>(token =>
            {
                int index = token.Index - WarmUp - 1;
                if (index == -1)
                    (native, allocations) = (NativeBytes.Held, NativeBytes.Allocations);
                long now = GC.GetTotalAllocatedBytes(precise: true);
                if (index >= 0 && index < tokens)
                    managed[index] = now - before;
                before = now;
                if (index == tokens - 1)
                    (native, allocations) = (NativeBytes.Held - native, NativeBytes.Allocations - allocations);
            }),
        };
        // Without an end-of-sequence token the answer has its full length; the last token's step makes the result.
        var config = new GenerationConfig { MaxNewTokens = WarmUp + tokens + 2, EosTokenId = [] };
        model.Generate([new SequenceInput { TokenIds = [.. Enumerable.Range(8, 71)] }], null, config, hooks);
        return (managed, native, allocations);
    }
}
