using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Kernels;

/// <summary>Devices by name.</summary>
internal sealed class BackendsTests
{
    [TestCase("cpu", "cpu")]
    [TestCase("CPU", "cpu")]
    [TestCase("Reference", "reference")]
    public void ANameOpensItsDevice(string name, string description)
    {
        using IBackend backend = Backends.Create(name);
        Assert.That(backend.Description, Does.StartWith(description));
    }

    /// <summary>Behind the colon stands a device's number, where its kind may have several.</summary>
    [TestCase("cuda:100", "no CUDA device")]
    [TestCase("opencl:100", "no OpenCL device")]
    [TestCase("OpenCL:0100", "no OpenCL device")]
    public void ANumberBeyondTheDevicesIsOneThatIsNotThere(string name, string message) =>
        Assert.That(() => Backends.Create(name), Throws.TypeOf<DeviceUnavailableException>().With.Message.StartsWith(message));

    [TestCase("")]
    [TestCase("tpu")]
    [TestCase("cpu:1")]
    [TestCase("auto:0")]
    [TestCase("reference:0")]
    [TestCase("cuda:")]
    [TestCase("cuda:n")]
    [TestCase("cuda:-1")]
    [TestCase("cuda: 1")]
    [TestCase("cuda:99999999999")]
    [TestCase("opencl:n")]
    [TestCase("opencl:0:1")]
    public void OtherNamesAreRefusedWithThoseThereAre(string name) => Assert.That(
        () => Backends.Create(name),
        Throws.ArgumentException.With.Message.StartsWith($"unknown device \"{name}\"; known are auto, cpu, cuda, cuda:1, opencl, opencl:1, reference"));
}
