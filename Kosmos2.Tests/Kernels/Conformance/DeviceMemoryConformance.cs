using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>Memory of every device that is present: what is uploaded arrives, what has no room says so and harms nothing.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.Devices))]
public sealed class DeviceMemoryConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    [Test]
    public void WeightsOfManyPiecesArriveWhole() => ConformsExactly("three pieces", bench =>
    {
        const int Width = 1024, Rows = 2600;
        bench.Begin(Steps.Embedding([0, 1023, 1024, 2047, Rows - 1], new int[5], [-1, -1, -1, -1, -1]));
        Tensor y = bench.Result(5, Width);
        bench.Backend.EmbedRows(bench.Weight(1, DType.F32, Rows, Width), null, 1, bench.Floats(new float[Width], 1, Width), y);
        return bench.Read(y);
    });

    [Test]
    public void SmallIntegersStaySmall()
    {
        using var bench = new Workbench(Backend);
        var weight = (DeviceWeight)bench.Quantized(1, 4, 64, 256, 32);
        Assert.That(weight.Storage.ByteLength, Is.EqualTo(64 * 256 / 2));
    }

    [Test]
    public void WhatHasNoRoomIsRefusedWithItsFigures()
    {
        const long Needed = 1L << 50;
        using Tensor tensor = Backend.Allocate(DType.F32, 4);
        DeviceMemoryException? refusal = Assert.Throws<DeviceMemoryException>(
            () => _ = new DeviceStorage(((DeviceStorage)tensor.Storage).Accelerator, Needed));
        Assert.That(refusal.NeededBytes, Is.EqualTo(Needed));
        Assert.That(refusal.FreeBytes, Is.Positive.And.LessThan(Needed));
        Assert.That(refusal.Message, Does.Contain($"{Needed} bytes needed, {refusal.FreeBytes} free").And.Contain("--format bf16"));
        Backend.Upload<float>([1, 2, 3, 4], tensor);
        var read = new float[4];
        Backend.Download<float>(tensor, read);
        Assert.That(read, Is.EqualTo(new float[] { 1, 2, 3, 4 }));
    }
}
