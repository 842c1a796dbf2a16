using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>What a decode step costs besides its arithmetic, counted on every device that is present.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.Devices))]
public sealed class DecodeLaunchConformance(BackendUnderTest backend)
{
    private readonly IlgpuBackend _backend = (IlgpuBackend)backend.Instance;

    [Test]
    public void ALayerTakesSixLaunches([Values(1, 3)] int sequences)
    {
        using var step = new DeviceDecodeStep(_backend, sequences);
        step.Run();
        int one = Launches(() => step.Run(layers: 1));
        int three = Launches(() => step.Run(layers: 3));
        Assert.That((three - one) / 2.0, Is.EqualTo(6));
    }

    [Test]
    public void AStepTakesOneCopyEachWayAndAllocatesNothing([Values] bool draws, [Values] TokenReading reading)
    {
        using var step = new DeviceDecodeStep(_backend, 2)
        {
            Choice = draws ? TokenChoice.Drawn(0.8f) with { TopK = 20, Tail = 1 << 30 } : default,
            Rule = new TokenRule(reading == TokenReading.None ? 0u : 0b101, 1, 2, reading, 0),
        };
        for (int i = 0; i < 20; i++)
            step.Run();
        DeviceCounters counters = _backend.Counters;
        (int synchronisations, int uploads) = (counters.Synchronisations, counters.Uploads);
        const int Steps = 10;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Steps; i++)
            step.Run();
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Assert.Multiple(() =>
        {
            Assert.That(counters.Synchronisations - synchronisations, Is.EqualTo(Steps));
            Assert.That(counters.Uploads - uploads, Is.EqualTo(Steps));
            Assert.That(allocated, Is.Zero);
        });
    }

    [Test]
    public void WhatRulesTellTakesALaunchMore([Values] TokenReading reading)
    {
        using var plain = new DeviceDecodeStep(_backend, 3);
        using var asks = new DeviceDecodeStep(_backend, 3) { Rule = new TokenRule(0b011, 0, 0, reading, 0) };
        plain.Run();
        asks.Run();
        Assert.That(Launches(() => asks.Run()) - Launches(() => plain.Run()), Is.EqualTo(reading == TokenReading.None ? 0 : 1));
    }

    private int Launches(Action action)
    {
        int before = _backend.Counters.Launches;
        action();
        return _backend.Counters.Launches - before;
    }
}
