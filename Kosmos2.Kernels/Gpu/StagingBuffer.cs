using System.Runtime.InteropServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Kosmos2.Kernels.Gpu;

/// <summary>
/// Page-locked host memory, which a device copies to and from while the host goes on. It grows; a copy of a known size allocates nothing, unlike ILGPU's
/// own, which wrap host memory anew each time. Not thread-safe, but any thread may call: the device's context is made current each time.
/// </summary>
internal sealed unsafe class StagingBuffer(Accelerator accelerator) : IDisposable
{
    // Whole pages of its own: drivers lock pages, and refuse one that is locked already.
    private static readonly int PageBytes = Environment.SystemPageSize;

    private void* _memory;
    private int _length;
    private PageLockScope<byte>? _lock;

    /// <summary>Whether a copy from here may still be under way.</summary>
    public bool IsBusy { get; set; }

    /// <summary>The first bytes of the memory; what was there before may be lost.</summary>
    public Span<byte> Bytes(int count)
    {
        if (_length < count)
        {
            Dispose();
            int length = checked((count + PageBytes - 1) / PageBytes * PageBytes);
            _memory = NativeMemory.AlignedAlloc((nuint)length, (nuint)PageBytes);
            _length = length;
            using var current = accelerator.BindScoped();
            _lock = accelerator.CreatePageLockFromPinned<byte>((nint)_memory, length);
        }
        return new Span<byte>(_memory, count);
    }

    /// <summary>Queues a copy of the first bytes to the device.</summary>
    public void CopyTo(AcceleratorStream queue, DeviceStorage destination, long byteOffset, long byteLength)
    {
        using var current = accelerator.BindScoped();
        if (queue is CudaStream)
        {
            CudaException.ThrowIfFailed(
                CudaAPI.CurrentAPI.MemcpyAsync((nint)(destination.NativePointer + byteOffset), (nint)_memory, (nint)byteLength, queue));
        }
        else
        {
            CLException.ThrowIfFailed(
                CLAPI.CurrentAPI.WriteBuffer(queue, destination.NativePointer, false, (nint)byteOffset, (nint)byteLength, (nint)_memory));
        }
        IsBusy = true;
    }

    /// <summary>Queues a copy from the device to the first bytes.</summary>
    public void CopyFrom(AcceleratorStream queue, DeviceStorage source, long byteOffset, long byteLength)
    {
        using var current = accelerator.BindScoped();
        if (queue is CudaStream)
        {
            CudaException.ThrowIfFailed(CudaAPI.CurrentAPI.MemcpyAsync((nint)_memory, (nint)(source.NativePointer + byteOffset), (nint)byteLength, queue));
        }
        else
        {
            CLException.ThrowIfFailed(
                CLAPI.CurrentAPI.ReadBuffer(queue, source.NativePointer, false, (nint)byteOffset, (nint)byteLength, (nint)_memory));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DeviceLoss.Forgive(Unlock);
        _lock = null;
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _length = 0;
    }

    private void Unlock()
    {
        using var current = accelerator.BindScoped();
        _lock?.Dispose();
    }
}
