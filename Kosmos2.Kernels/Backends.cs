using System.Globalization;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Reference;

namespace Kosmos2.Kernels;

/// <summary>Makes backends by name.</summary>
public static class Backends
{
    /// <summary>Opens a device.</summary>
    /// <param name="device">
    /// <c>auto</c> (see <see cref="IlgpuDevices.Preferred()"/>), <c>cpu</c>, <c>cuda[:n]</c>, <c>opencl[:n]</c>, or <c>reference</c> (the slow
    /// double-precision oracle).
    /// </param>
    /// <param name="cpu">What holds if the device is the CPU; null for the defaults.</param>
    /// <param name="gpu">What holds if the device is a GPU; null for the defaults.</param>
    /// <exception cref="ArgumentException">No such kind of device.</exception>
    /// <exception cref="DeviceUnavailableException">There is no such device, or it cannot be used.</exception>
    /// <returns>The device. A GPU that fails later makes its backend throw <see cref="DeviceLostException"/> from whichever call notices.</returns>
    public static IBackend Create(string device, CpuOptions? cpu, GpuOptions? gpu = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        string[] parts = device.ToLowerInvariant().Split(':', 2);
        int index = 0;
        if (parts.Length == 2 && (parts[0] is not ("cuda" or "opencl") || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index)))
            throw UnknownDevice(device);
        return parts[0] switch
        {
            "auto" => IlgpuDevices.Preferred() is { } found ? Open(found.Kind, found.Index, gpu) : new CpuBackend(cpu),
            "cpu" => new CpuBackend(cpu),
            "cuda" => Open(IlgpuDeviceKind.Cuda, index, gpu),
            "opencl" => Open(IlgpuDeviceKind.OpenCl, index, gpu),
            "reference" => new ReferenceBackend(),
            _ => throw UnknownDevice(device),
        };
    }

    /// <summary>Opens a device, with the defaults for the CPU.</summary>
    public static IBackend Create(string device) => Create(device, null);

    /// <summary>Opens a device, with a number of threads for the CPU, 0 for one a core.</summary>
    public static IBackend Create(string device, int threads) => Create(device, new CpuOptions { Threads = threads });

    private static LossGuard Open(IlgpuDeviceKind kind, int index, GpuOptions? options) => new(IlgpuBackend.Create(kind, index, options));

    private static ArgumentException UnknownDevice(string device) =>
        new($"unknown device \"{device}\"; known are auto, cpu, cuda, cuda:1, opencl, opencl:1, reference", nameof(device));
}
