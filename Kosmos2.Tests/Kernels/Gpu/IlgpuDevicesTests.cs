using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Kernels.Gpu;

public sealed class IlgpuDevicesTests
{
    [TestCase(IlgpuDeviceKind.OpenCl, "OpenCL")]
    [TestCase(IlgpuDeviceKind.Cuda, "CUDA")]
    public void ADeviceThatIsNotThereIsRefusedByName(IlgpuDeviceKind kind, string name)
    {
        int count = IlgpuDevices.Enumerate().Count(d => d.Kind == kind);
        string expected = count == 0 ? $"no {name} device on this machine" : $"no {name} device {count}: there are {count}, from 0";
        Assert.That(() => IlgpuBackend.Create(kind, count), Throws.TypeOf<DeviceUnavailableException>().With.Message.EqualTo(expected));
        Assert.That(() => IlgpuBackend.Create(kind, -1), Throws.TypeOf<DeviceUnavailableException>());
    }

    [Test]
    public void DevicesAreNumberedByKind()
    {
        foreach (IGrouping<IlgpuDeviceKind, IlgpuDevice> kind in IlgpuDevices.Enumerate().GroupBy(d => d.Kind))
        {
            Assert.That(kind.Select(d => d.Index), Is.EqualTo(Enumerable.Range(0, kind.Count())));
            Assert.That(kind.Select(d => d.Name), Has.All.Not.Empty);
            Assert.That(kind.Select(d => d.MemoryBytes), Has.All.Positive);
        }
    }

    [Test]
    public void WhatADeviceLacksIsSaid()
    {
        var least = new DeviceCapabilities { Version = "OpenCL 1.2", MostGroupThreads = IlgpuDevices.GroupSize, SharedMemoryBytes = IlgpuDevices.SharedMemory };
        Assert.Multiple(() =>
        {
            Assert.That(IlgpuDevices.ProblemOf(least, genericAddressSpace: true), Is.Null);
            Assert.That(IlgpuDevices.ProblemOf(least, genericAddressSpace: false), Is.EqualTo("has no generic address space (OpenCL 1.2), which ILGPU needs"));
            Assert.That(
                IlgpuDevices.ProblemOf(least with { MostGroupThreads = 128 }, genericAddressSpace: true), Is.EqualTo("runs at most 128 threads in a group; 256 are needed"));
            Assert.That(
                IlgpuDevices.ProblemOf(least with { SharedMemoryBytes = 16384 }, genericAddressSpace: true),
                Is.EqualTo("has 16384 bytes of shared memory for a group; 29696 are needed"));
        });
    }

    /// <summary>CUDA first, then an OpenCL GPU with memory of its own; never what cannot be used, never a processor dressed as a device.</summary>
    [Test]
    public void AutoPrefersCudaThenADiscreteGpu()
    {
        var discrete = new DeviceCapabilities { IsGpu = true };
        IlgpuDevice cuda = Device(IlgpuDeviceKind.Cuda, discrete), gpu = Device(IlgpuDeviceKind.OpenCl, discrete);
        IlgpuDevice integrated = Device(IlgpuDeviceKind.OpenCl, discrete with { SharesHostMemory = true });
        IlgpuDevice processor = Device(IlgpuDeviceKind.OpenCl, discrete with { IsGpu = false });
        Assert.Multiple(() =>
        {
            Assert.That(IlgpuDevices.Preferred([cuda, gpu]), Is.SameAs(cuda));
            Assert.That(IlgpuDevices.Preferred([cuda with { Problem = "is old" }, processor, integrated, gpu]), Is.SameAs(gpu));
            Assert.That(IlgpuDevices.Preferred([processor, integrated]), Is.Null);
            Assert.That(IlgpuDevices.Preferred([]), Is.Null);
        });

        static IlgpuDevice Device(IlgpuDeviceKind kind, DeviceCapabilities capabilities) => new(kind, 0, "card", 1, capabilities, null);
    }
}
