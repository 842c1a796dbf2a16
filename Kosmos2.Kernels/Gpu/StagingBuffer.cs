using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Kosmos2.Kernels.Gpu;

/// <summary>
/// Page-locked host memory, which a device copies to and from while the host goes on. It grows; a copy of a known size allocates nothing, unlike ILGPU's
/// own, which wrap host memory anew each time.
/// </summary>
internal sealed unsafe class StagingBuffer(Accelerator accelerator) : IDisposable
{
    private const int Least = 256;

    private byte[] _memory = [];
    private PageLockScope<byte>? _lock;

    /// <summary>Whether a copy from here may still be under way.</summary>
    public bool IsBusy { get; set; }

    // The array is pinned for life.
    private nint Pointer => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));

    /// <summary>The first bytes of the memory; what was there before may be lost.</summary>
    public Span<byte> Bytes(int count)
    {
        if (_memory.Length < count || _lock is null)
        {
            Dispose();
            _memory = GC.AllocateArray<byte>(Math.Max(Least, count), pinned: true);
            _lock = accelerator.CreatePageLockFromPinned<byte>(Pointer, _memory.Length);
        }
        return _memory.AsSpan(0, count);
    }

    /// <summary>Queues a copy of the first bytes to the device.</summary>
    public void CopyTo(AcceleratorStream queue, DeviceStorage destination, long byteOffset, long byteLength)
    {
        if (queue is CudaStream)
            CudaException.ThrowIfFailed(CudaAPI.CurrentAPI.MemcpyAsync((nint)(destination.NativePointer + byteOffset), Pointer, (nint)byteLength, queue));
        else
            CLException.ThrowIfFailed(CLAPI.CurrentAPI.WriteBuffer(queue, destination.NativePointer, false, (nint)byteOffset, (nint)byteLength, Pointer));
        IsBusy = true;
    }

    /// <summary>Queues a copy from the device to the first bytes.</summary>
    public void CopyFrom(AcceleratorStream queue, DeviceStorage source, long byteOffset, long byteLength)
    {
        if (queue is CudaStream)
            CudaException.ThrowIfFailed(CudaAPI.CurrentAPI.MemcpyAsync(Pointer, (nint)(source.NativePointer + byteOffset), (nint)byteLength, queue));
        else
            CLException.ThrowIfFailed(CLAPI.CurrentAPI.ReadBuffer(queue, source.NativePointer, false, (nint)byteOffset, (nint)byteLength, Pointer));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lock?.Dispose();
        _lock = null;
    }
}
