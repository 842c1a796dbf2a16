using System.Diagnostics;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Profiling;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>Every launch of a step is timed under its name, by the clock of each device that is present.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.Devices))]
public sealed class KernelProfileConformance(BackendUnderTest backend)
{
    [Test]
    public void AStepIsTimedLaunchByLaunch()
    {
        var profile = new KernelProfile();
        IlgpuDeviceKind kind = backend.Category == "CUDA" ? IlgpuDeviceKind.Cuda : IlgpuDeviceKind.OpenCl;
        using IlgpuBackend device = IlgpuBackend.Create(kind, 0, new GpuOptions { Profile = profile });
        using var step = new DeviceDecodeStep(device, 2);
        step.Run();
        step.Run();
        long start = Stopwatch.GetTimestamp();
        profile.Begin();
        step.Run();
        KernelTime[] times = profile.End();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        KernelTime Of(string label) => times.Single(time => time.Label.ToString() == label);
        Assert.Multiple(() =>
        {
            Assert.That(Of("CachedAttention").Launches, Is.EqualTo(3));
            // Keys and values of 23 tokens of two sequences, 48 floats each, in three layers.
            Assert.That(Of("CachedAttention").Bytes, Is.EqualTo(3 * 2 * 23 * 2 * 48 * sizeof(float)));
            Assert.That(Of("FewRows 2x144x48").Launches, Is.EqualTo(3));
            Assert.That(Of("FewRows 2x144x48").Bytes, Is.EqualTo(3 * 144 * 48 * sizeof(float)));
            Assert.That(Of("SelectTokens").Launches, Is.EqualTo(1));
            Assert.That(times.Select(time => time.Seconds), Is.Ordered.Descending.And.All.GreaterThanOrEqualTo(0));
            Assert.That(times.Sum(time => time.Seconds), Is.GreaterThan(0).And.LessThan(seconds));
        });
        profile.Begin();
        Assert.That(profile.End(), Is.Empty, "nothing is left from before");
    }
}
