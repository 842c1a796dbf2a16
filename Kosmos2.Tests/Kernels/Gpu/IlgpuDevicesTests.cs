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
}
