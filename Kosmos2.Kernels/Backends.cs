using System.Globalization;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Reference;

namespace Kosmos2.Kernels;

/// <summary>Makes backends by name.</summary>
public static class Backends
{
    /// <summary>Opens a device.</summary>
    /// <param name="device"><c>auto</c>, <c>cpu</c>, or <c>reference</c> (the slow double-precision oracle).</param>
    /// <param name="threads">Threads of the CPU device; 0 for one a core.</param>
    /// <exception cref="ArgumentException">No such kind of device.</exception>
    public static IBackend Create(string device, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(device);
        string[] parts = device.Split(':', 2);
        if (parts.Length == 2 && !(int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < 256))
            throw new ArgumentException($"\"{device}\": the device number must be a small whole number", nameof(device));
        return parts[0].ToLowerInvariant() switch
        {
            "auto" or "cpu" => new CpuBackend(new CpuOptions { Threads = threads }),
            "reference" => new ReferenceBackend(),
            _ => throw new ArgumentException($"unknown device \"{device}\"; known are auto, cpu, cuda[:n], opencl[:n], reference", nameof(device)),
        };
    }
}
