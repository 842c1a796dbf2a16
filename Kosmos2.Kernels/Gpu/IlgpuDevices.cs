using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Kosmos2.Kernels.Gpu;

/// <summary>Finds devices. A machine without a driver has none; that is no error.</summary>
public static class IlgpuDevices
{
    /// <summary>Threads in the largest work group that the kernels ask for.</summary>
    internal const int GroupSize = 256;

    /// <summary>Shared memory of the kernel that takes most, in bytes.</summary>
    internal const int SharedMemory = 29 * 1024;

    // CL_DEVICE_HOST_UNIFIED_MEMORY, which ILGPU has no name for.
    private const CLDeviceInfoType HostUnifiedMemory = (CLDeviceInfoType)0x1035;

    static IlgpuDevices() => UseVersionedLibraries();

    /// <summary>
    /// What <c>auto</c> means here: the first usable CUDA device, otherwise the first usable OpenCL GPU with memory of its own, otherwise null, the CPU.
    /// </summary>
    public static IlgpuDevice? Preferred() => Preferred(Enumerate());

    /// <summary>As the other, among devices that are known already.</summary>
    public static IlgpuDevice? Preferred(IEnumerable<IlgpuDevice> devices) => devices.FirstOrDefault(device =>
        device.Problem is null && (device.Kind == IlgpuDeviceKind.Cuda || device.Capabilities is { IsGpu: true, SharesHostMemory: false }));

    /// <summary>All devices of both kinds, usable or not; CUDA's first.</summary>
    public static IReadOnlyList<IlgpuDevice> Enumerate() => [.. Enumerate(IlgpuDeviceKind.Cuda), .. Enumerate(IlgpuDeviceKind.OpenCl)];

    /// <summary>What selects the devices of a kind.</summary>
    internal static string SelectorOf(IlgpuDeviceKind kind) => kind == IlgpuDeviceKind.Cuda ? "cuda" : "opencl";

    /// <summary>A context that knows the devices of one kind, including those that cannot be used.</summary>
    /// <param name="kind">How to reach them.</param>
    /// <param name="profiling">Whether its queues can stamp their work with the device's clock.</param>
    internal static Context CreateContext(IlgpuDeviceKind kind, bool profiling = false) => Context.Create(builder =>
    {
        if (profiling)
            builder.Profiling();
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
            .Select((device, index) => (device, Describe(device, kind, index)));
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

    /// <summary>Why a device cannot be used, or null when it can.</summary>
    /// <param name="can">What it can do.</param>
    /// <param name="genericAddressSpace">Whether pointers of its kernels may point anywhere; CUDA's may.</param>
    internal static string? ProblemOf(DeviceCapabilities can, bool genericAddressSpace)
    {
        if (!genericAddressSpace)
            return $"has no generic address space ({can.Version}), which ILGPU needs";
        if (can.MostGroupThreads < GroupSize)
            return $"runs at most {can.MostGroupThreads} threads in a group; {GroupSize} are needed";
        if (can.SharedMemoryBytes < SharedMemory)
            return $"has {can.SharedMemoryBytes} bytes of shared memory for a group; {SharedMemory} are needed";
        return null;
    }

    private static IlgpuDevice Describe(Device device, IlgpuDeviceKind kind, int index)
    {
        DeviceCapabilities can = CapabilitiesOf(device);
        return new(kind, index, device.Name.Trim(), device.MemorySize, can, ProblemOf(can, device is not CLDevice { Capabilities.GenericAddressSpace: false }));
    }

    // Looking for devices takes a moment; where no driver is installed there are none.
    private static IlgpuDevice[] Enumerate(IlgpuDeviceKind kind)
    {
        if (!HasDriver(kind))
            return [];
        using Context context = CreateContext(kind);
        return [.. Of(context, kind).Select(d => d.Description)];
    }

    /// <summary>Whether the driver's library can be loaded.</summary>
    internal static bool HasDriver(IlgpuDeviceKind kind)
    {
        if (!NativeLibrary.TryLoad(DriverOf(kind), out nint driver))
            return false;
        NativeLibrary.Free(driver);
        return true;
    }

    /// <summary>The driver's library, as this system names it.</summary>
    internal static string DriverOf(IlgpuDeviceKind kind) => (kind, OperatingSystem.IsWindows(), OperatingSystem.IsMacOS()) switch
    {
        (IlgpuDeviceKind.Cuda, true, _) => "nvcuda.dll",
        (IlgpuDeviceKind.Cuda, _, _) => "libcuda.so.1",
        (_, true, _) => "OpenCL.dll",
        (_, _, true) => "/System/Library/Frameworks/OpenCL.framework/OpenCL",
        _ => "libOpenCL.so.1",
    };

    private static DeviceCapabilities CapabilitiesOf(Device device)
    {
        var common = new DeviceCapabilities
        {
            IsGpu = true,
            Multiprocessors = device.NumMultiprocessors,
            MostGroupThreads = device.MaxNumThreadsPerGroup,
            SharedMemoryBytes = device.MaxSharedMemoryPerGroup,
            WarpSize = device.WarpSize,
        };
        return device switch
        {
            CudaDevice cuda => common with { Version = $"compute {cuda.Architecture?.Major}.{cuda.Architecture?.Minor}", Float16 = cuda.Architecture >= CudaArchitecture.SM_53, Float64 = true },
            CLDevice cl => common with
            {
                Version = $"OpenCL {cl.DeviceVersion.Major}.{cl.DeviceVersion.Minor}",
                IsGpu = cl.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_GPU),
                SharesHostMemory = CLAPI.CurrentAPI.GetDeviceInfo<int>(cl.DeviceId, HostUnifiedMemory) != 0,
                Float16 = cl.Capabilities.Float16,
                Float64 = cl.Capabilities.Float64,
            },
            _ => common,
        };
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
