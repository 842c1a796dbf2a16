using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>From attention's operands on the device to the driver's calls.</summary>
[NonParallelizable]
internal sealed class TensorCoreAttentionTests
{
    private const nint Stream = 77;

    [Test]
    public void EntriesHeadsAndTilesOfQueriesAreBlocks([Values] bool shared)
    {
        var attention = new AttentionCase(70, 35, 32, Heads: 2, Batch: 3, shared);
        using var device = new TensorCoreAttention(FakeCudaDriver.Create(), PtxTarget.Hopper);
        PtxGlobalMemory memory = FakeCudaDriver.Memory = new PtxGlobalMemory();
        ulong q = memory.Add(attention.Q), k = memory.Add(attention.K), v = memory.Add(attention.V), y = memory.Add(new float[3 * 70 * 64]);
        device.Attend(Stream, q, k, v, y, 3, new PackedAttentionOptions(70, 35, 2, 32, attention.Scale, shared ? 1 : 0, 0));
        Assert.That(FakeCudaDriver.Fault, Is.Null);
        Assert.That(FakeCudaDriver.Launched.Blocks, Is.EqualTo(2 * 2 * 3));
        Assert.That((FakeCudaDriver.Launched.Threads, FakeCudaDriver.Launched.SharedBytes, FakeCudaDriver.Launched.Stream), Is.EqualTo((256, 33280, Stream)));
        Assert.That(memory.Read<float>(y), Is.EqualTo(attention.Expected()).Within(1.0 / 256));
    }

    /// <summary>Sequences of many rows and of one: as many blocks for each as the longest takes.</summary>
    [TestCase(CacheFormat.Float32)]
    [TestCase(CacheFormat.BFloat16)]
    public void SequencesHeadsAndTilesOfRowsAreBlocks(CacheFormat format)
    {
        using var attention = new CachedAttentionCase(format, 64, CachedAttentionTextTests.Of(0, 40, 1), CachedAttentionTextTests.Of(10, 71, 71), CachedAttentionTextTests.Of(20, 9, 2));
        using var device = new TensorCoreAttention(FakeCudaDriver.Create(), PtxTarget.Hopper);
        float[] actual = attention.Run(device, FakeCudaDriver.Memory = new PtxGlobalMemory(), Stream);
        Assert.That(FakeCudaDriver.Fault, Is.Null);
        Assert.That(FakeCudaDriver.Launched.Blocks, Is.EqualTo(2 * 2 * 3));
        Assert.That(actual, Is.EqualTo(attention.Expected()).Within(1.0 / 256));
    }

    [Test]
    public void AKernelIsCompiledOnceForASizeOfHeads()
    {
        using (var device = new TensorCoreAttention(FakeCudaDriver.Create(), PtxTarget.Ampere))
        {
            foreach (int headSize in (int[])[64, 32, 64])
                device.Attend(Stream, 1 << 20, 2 << 20, 3 << 20, 4 << 20, 1, new PackedAttentionOptions(257, 257, 16, headSize, 0.125f, 0, 0));
            Assert.That(FakeCudaDriver.Modules, Has.Count.EqualTo(2).And.All.Contains(".target sm_80"));
        }
        Assert.That(FakeCudaDriver.Unloaded, Is.EqualTo(2));
    }

    [TestCase(257, 64, 0x1000ul, true)]
    [TestCase(16, 16, 0x1000ul, true)]
    [TestCase(15, 64, 0x1000ul, false)]
    [TestCase(64, 40, 0x1000ul, false)]
    [TestCase(64, 80, 0x1000ul, false)]
    [TestCase(64, 64, 0x1008ul, false)]
    public void ManyQueriesOfAlignedHeadsAreTaken(int queries, int headSize, ulong addresses, bool taken) =>
        Assert.That(TensorCoreAttention.Takes(queries, headSize, addresses), Is.EqualTo(taken));

    [TestCase("", true)]
    [TestCase("attention", false)]
    public void ItCanBeSwitchedOff(string disabled, bool used) => Assert.That(new CpuFeatures(disabled).Attention, Is.EqualTo(used));
}
