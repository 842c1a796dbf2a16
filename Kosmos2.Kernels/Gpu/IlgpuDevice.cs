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
/// <param name="Capabilities">What it can do.</param>
/// <param name="Problem">Why it cannot be used, or null when it can.</param>
public sealed record IlgpuDevice(IlgpuDeviceKind Kind, int Index, string Name, long MemoryBytes, DeviceCapabilities Capabilities, string? Problem)
{
    /// <summary>What selects it: <c>cuda:0</c>, <c>opencl:1</c>.</summary>
    public string Selector => $"{IlgpuDevices.SelectorOf(Kind)}:{Index}";
}

/// <summary>What a device can do, as its driver reports it.</summary>
public sealed record DeviceCapabilities
{
    /// <summary>Its generation: <c>compute 9.0</c>, <c>OpenCL 3.0</c>.</summary>
    public string Version { get; init; } = "";

    /// <summary>Whether it is a graphics processor; OpenCL also offers processors and others.</summary>
    public bool IsGpu { get; init; }

    /// <summary>Whether its memory is the host's, as in processors with graphics built in.</summary>
    public bool SharesHostMemory { get; init; }

    /// <summary>Streaming multiprocessors, or compute units.</summary>
    public int Multiprocessors { get; init; }

    /// <summary>Threads that a group may have at most.</summary>
    public int MostGroupThreads { get; init; }

    /// <summary>Shared memory of a group.</summary>
    public int SharedMemoryBytes { get; init; }

    /// <summary>Threads that run in step; 0 where the driver does not say.</summary>
    public int WarpSize { get; init; }

    /// <summary>Whether it computes with half floats. Half weights need no such thing: they are widened.</summary>
    public bool Float16 { get; init; }

    /// <summary>Whether it computes with doubles.</summary>
    public bool Float64 { get; init; }
}
