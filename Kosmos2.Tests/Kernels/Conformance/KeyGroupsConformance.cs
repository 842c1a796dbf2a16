using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>Groups that share the keys of a row and head, on every device that is present.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.Devices))]
public sealed class KeyGroupsConformance(BackendUnderTest backend)
{
    /// <summary>However many there are, the result has the same bits, a launch is enough, and it leaves behind what the next one needs.</summary>
    [Test]
    public void HowManyTheyAreShowsInNothing() => Assert.That(Attend(3), Is.EqualTo(Attend(1)));

    private float[] Attend(int groups)
    {
        IlgpuDeviceKind kind = backend.Category == "CUDA" ? IlgpuDeviceKind.Cuda : IlgpuDeviceKind.OpenCl;
        using IlgpuBackend device = IlgpuBackend.Create(kind, 0, new GpuOptions { KeyGroups = groups });
        var result = new List<float>();
        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
        {
            using var bench = new Workbench(device);
            var cache = new CachedSequences(bench, 24, format, new SequenceKeys(2000, 2), new SequenceKeys(1100, 1, _ => false), new SequenceKeys(5000, 3));
            foreach (int mostKeys in (int[])[5000, 300, 900, 5000, 1700])
            {
                int launches = device.Counters.Launches;
                result.AddRange(cache.Attend(mostKeys));
                Assert.That(device.Counters.Launches - launches, Is.EqualTo(1));
            }
        }
        return [.. result];
    }
}
