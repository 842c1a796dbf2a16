using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Kosmos2.Kernels.Gpu;

/// <summary>Allocation on devices, with errors that say what is missing.</summary>
internal static class DeviceMemory
{
    // OpenCL does not say what is free: what we have taken is counted.
    private static readonly ConditionalWeakTable<Accelerator, StrongBox<long>> Taken = [];

    private static long _version;

    /// <summary>Changes whenever a buffer goes that recordings may hold the address of: it may then mean something else.</summary>
    public static long Version => Volatile.Read(ref _version);

    /// <summary>Bytes that are free: on CUDA as the driver says, on OpenCL those that this process has not taken.</summary>
    public static long FreeBytes(Accelerator accelerator) =>
        accelerator is CudaAccelerator cuda ? cuda.GetFreeMemory() : Math.Max(0, accelerator.MemorySize - TakenOf(accelerator).Value);

    /// <summary>A buffer with undefined content.</summary>
    /// <exception cref="DeviceMemoryException">There is no room for it.</exception>
    public static MemoryBuffer1D<byte, Stride1D.Dense> Allocate(Accelerator accelerator, long byteLength)
    {
        // OpenCL promises memory that it finds out later it has not.
        if (accelerator is CLAccelerator && byteLength > FreeBytes(accelerator))
            throw new DeviceMemoryException("a buffer", byteLength, FreeBytes(accelerator));
        try
        {
            MemoryBuffer1D<byte, Stride1D.Dense> buffer = accelerator.Allocate1D<byte>(byteLength);
            Interlocked.Add(ref TakenOf(accelerator).Value, byteLength);
            return buffer;
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw new DeviceMemoryException("a buffer", byteLength, FreeBytes(accelerator), e);
        }
    }

    /// <summary>Frees a buffer; one of a lost device is gone already.</summary>
    /// <param name="accelerator">The device.</param>
    /// <param name="buffer">The buffer.</param>
    /// <param name="isRecorded">Whether a recording may hold its address.</param>
    public static void Free(Accelerator accelerator, MemoryBuffer1D<byte, Stride1D.Dense> buffer, bool isRecorded)
    {
        Interlocked.Add(ref TakenOf(accelerator).Value, -buffer.LengthInBytes);
        DeviceLoss.Forgive(buffer.Dispose);
        if (isRecorded)
            Interlocked.Increment(ref _version);
    }

    /// <summary>Whether an exception says that there is no room, in whichever call. A kernel's fault may be CL_OUT_OF_RESOURCES, so that is not among them.</summary>
    public static bool IsFull(Exception exception) => exception switch
    {
        CudaException => DeviceLoss.CodeOf(exception) == nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY),
        CLException cl => cl.Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_HOST_MEMORY,
        _ => false,
    };

    private static StrongBox<long> TakenOf(Accelerator accelerator) => Taken.GetValue(accelerator, _ => new StrongBox<long>());

    // Where nothing runs yet, resources are memory.
    private static bool IsRefusal(Exception exception) =>
        IsFull(exception) || exception is CLException { Error: CLError.CL_OUT_OF_RESOURCES or CLError.CL_INVALID_BUFFER_SIZE };
}
