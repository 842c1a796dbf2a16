using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Kosmos2.Kernels.Gpu;

/// <summary>The two ways to a device through ILGPU.</summary>
public enum IlgpuDeviceKind
{
    /// <summary>NVIDIA's driver.</summary>
    Cuda,

    /// <summary>OpenCL 2.0 or later, with generic address space.</summary>
    OpenCl,
}

/// <summary>A device of this machine.</summary>
/// <param name="Kind">How it is reached.</param>
/// <param name="Index">Its number among the devices of its kind, from 0.</param>
/// <param name="Name">As the driver names it.</param>
/// <param name="MemoryBytes">Size of its memory.</param>
/// <param name="Problem">Why it cannot be used, or null when it can.</param>
public sealed record IlgpuDevice(IlgpuDeviceKind Kind, int Index, string Name, long MemoryBytes, string? Problem);

/// <summary>Finds devices. A machine without a driver has none; that is no error.</summary>
public static class IlgpuDevices
{
    /// <summary>Threads in the largest work group that the kernels ask for.</summary>
    internal const int GroupSize = 256;

    // Of the kernel that takes most, in bytes.
    private const int SharedMemory = 20 * 1024;

    static IlgpuDevices() => UseVersionedLibraries();

    /// <summary>All devices of both kinds, usable or not; CUDA's first.</summary>
    public static IReadOnlyList<IlgpuDevice> Enumerate() => [.. Enumerate(IlgpuDeviceKind.Cuda), .. Enumerate(IlgpuDeviceKind.OpenCl)];

    /// <summary>A context that knows the devices of one kind, including those that cannot be used.</summary>
    internal static Context CreateContext(IlgpuDeviceKind kind) => Context.Create(builder =>
    {
        if (kind == IlgpuDeviceKind.Cuda)
            builder.Cuda(_ => true);
        else
            builder.OpenCL(_ => true);
        builder.EnableAlgorithms();
    });

    /// <summary>The devices of a context in their order.</summary>
    internal static IEnumerable<(Device Device, IlgpuDevice Description)> Of(Context context, IlgpuDeviceKind kind)
    {
        AcceleratorType type = kind == IlgpuDeviceKind.Cuda ? AcceleratorType.Cuda : AcceleratorType.OpenCL;
        return context.Devices.Where(d => d.AcceleratorType == type)
            .Select((device, index) => (device, new IlgpuDevice(kind, index, device.Name.Trim(), device.MemorySize, ProblemOf(device))));
    }

    /// <summary>A device that can be used.</summary>
    /// <exception cref="DeviceUnavailableException">There is no such device, or it cannot be used.</exception>
    internal static (Device Device, IlgpuDevice Description) Find(Context context, IlgpuDeviceKind kind, int index)
    {
        (Device Device, IlgpuDevice Description)[] devices = [.. Of(context, kind)];
        string name = kind == IlgpuDeviceKind.Cuda ? "CUDA" : "OpenCL";
        if (devices.Length == 0)
            throw new DeviceUnavailableException($"no {name} device on this machine");
        if (index < 0 || index >= devices.Length)
            throw new DeviceUnavailableException($"no {name} device {index}: there are {devices.Length}, from 0");
        return devices[index].Description.Problem is string problem
            ? throw new DeviceUnavailableException($"{name} device {index}, {devices[index].Description.Name}, {problem}")
            : devices[index];
    }

    private static IlgpuDevice[] Enumerate(IlgpuDeviceKind kind)
    {
        using Context context = CreateContext(kind);
        return [.. Of(context, kind).Select(d => d.Description)];
    }

    private static string? ProblemOf(Device device)
    {
        if (device is CLDevice { Capabilities.GenericAddressSpace: false } old)
            return $"has no generic address space ({old.DeviceVersion}), which ILGPU needs";
        if (device.MaxNumThreadsPerGroup < GroupSize)
            return $"runs at most {device.MaxNumThreadsPerGroup} threads in a group; {GroupSize} are needed";
        if (device.MaxSharedMemoryPerGroup < SharedMemory)
            return $"has {device.MaxSharedMemoryPerGroup} bytes of shared memory for a group; {SharedMemory} are needed";
        return null;
    }

    /// <summary>
    /// ILGPU asks for libOpenCL.so and libcuda.so, names that on many Linux systems come with development packages only. The libraries
    /// themselves carry a version.
    /// </summary>
    private static void UseVersionedLibraries()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, ResolveVersioned);
        }
        catch (InvalidOperationException)
        {
            // The application has set a resolver of its own, and so knows where its libraries are.
        }
    }

    private static nint ResolveVersioned(string name, Assembly assembly, DllImportSearchPath? path)
    {
        string? versioned = name switch
        {
            "OpenCL" => "libOpenCL.so.1",
            "cuda" => "libcuda.so.1",
            _ => null,
        };
        return versioned is not null && NativeLibrary.TryLoad(versioned, assembly, path, out nint handle) ? handle : 0;
    }
}
