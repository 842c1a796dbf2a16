using Kosmos2.Engine.Calibration;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels;

/// <summary>A cache that finds no room to grow is what it was before.</summary>
[TestFixture(CacheFormat.Float32)]
[TestFixture(CacheFormat.BFloat16)]
[TestFixture(CacheFormat.Int8)]
internal sealed class KeyValueBlocksTests(CacheFormat format)
{
    private const int Layers = 2, Heads = 2, HeadSize = 9;

    [Test]
    public void AFailedGrowthChangesNothingAndCanBeRepeated([Range(1, (2 * Layers) + 1)] int failing)
    {
        using var backend = new FailingBackend();
        using var bench = new Workbench(backend);
        using var cache = new KeyValueBlocks(backend, Layers, Heads, HeadSize, 2, format);
        Append(bench, cache);
        float[] before = Contents(cache, 0);

        backend.FailAt(failing);
        Assert.That(() => cache.EnsureCapacity(3), Throws.InstanceOf<IOException>());
        Assert.That(cache.Capacity, Is.EqualTo(2));
        backend.CopyBlocks(cache, [(0, 1)]);
        Assert.That(Contents(cache, 0), Is.EqualTo(before));
        Assert.That(Contents(cache, 1), Is.EqualTo(before), "a copied block");

        cache.EnsureCapacity(3);
        Assert.That(cache.Capacity, Is.EqualTo(4));
        backend.CopyBlocks(cache, [(1, 3)]);
        Assert.That(Contents(cache, 3), Is.EqualTo(before), "after growing");
    }

    [Test]
    public void ACacheThatCannotBeMadeLeavesNothingBehind([Range(1, (2 * Layers) + 1)] int failing)
    {
        using var backend = new FailingBackend();
        backend.FailAt(failing);
        Assert.That(() => new KeyValueBlocks(backend, Layers, Heads, HeadSize, 2, format), Throws.InstanceOf<IOException>());
        Assert.That(backend.Made.Any(tensor => tensor.IsHost), Is.False, "memory that is still there");
    }

    [Test]
    public void GrowthStopsAtTheLimit()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 1 });
        using var cache = new KeyValueBlocks(backend, 1, 1, 8, 16, format);
        cache.EnsureCapacity(17, 20);
        Assert.That(cache.Capacity, Is.EqualTo(20));
        Assert.That(() => cache.EnsureCapacity(21, 20), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    private static void Append(Workbench bench, KeyValueBlocks cache)
    {
        const int Rows = KeyValueBlocks.BlockSize, Width = Heads * HeadSize;
        bench.Begin(Steps.Of(new SequenceRows([0], Rows, Rows)));
        for (int layer = 0; layer < Layers; layer++)
            bench.Backend.AppendKeyValues(bench.Random(layer, Rows, Width), bench.Random(layer + 10, Rows, Width), cache, layer);
        bench.Backend.EndStep();
    }

    private static float[] Contents(KeyValueBlocks cache, int block)
    {
        var contents = new List<float>(cache.KeyBias.HostBytes<float>().Slice(block * KeyValueBlocks.BlockSize, KeyValueBlocks.BlockSize).ToArray());
        var row = new float[HeadSize];
        for (int i = 0; i < Layers * Heads * KeyValueBlocks.BlockSize; i++)
        {
            int layer = i % Layers, head = i / Layers % Heads, slot = i / Layers / Heads;
            cache.ReadKey(cache.Keys(layer).HostBytes<byte>(), block, head, slot, row);
            contents.AddRange(row);
            cache.ReadValue(cache.Values(layer).HostBytes<byte>(), block, head, slot, row);
            contents.AddRange(row);
        }
        return [.. contents];
    }

    private sealed class FailingBackend() : DelegatingBackend(new CpuBackend(new CpuOptions { Threads = 1 }))
    {
        private int _left = -1;

        public List<Tensor> Made { get; } = [];

        /// <summary>The allocation after so many more than none fails, once.</summary>
        public void FailAt(int allocation) => _left = allocation;

        public override Tensor Allocate(DType type, params ReadOnlySpan<long> extents)
        {
            if (--_left == 0)
                throw new IOException("made to fail");
            Made.Add(base.Allocate(type, extents));
            return Made[^1];
        }
    }
}
