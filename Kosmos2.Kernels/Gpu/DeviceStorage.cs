using ILGPU;
using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu;

/// <summary>A buffer on a device. The host cannot read it in place.</summary>
internal sealed class DeviceStorage : TensorStorage
{
    private MemoryBuffer1D<byte, Stride1D.Dense>? _buffer;

    /// <summary>Allocates memory with undefined content.</summary>
    /// <param name="accelerator">The device.</param>
    /// <param name="byteLength">Length in bytes.</param>
    /// <param name="isRecorded"><see cref="IsRecorded"/>.</param>
    /// <exception cref="DeviceMemoryException">There is no room for it.</exception>
    public DeviceStorage(Accelerator accelerator, long byteLength, bool isRecorded = true)
    {
        Accelerator = accelerator;
        IsRecorded = isRecorded;
        ByteLength = byteLength;
        // Drivers refuse empty buffers, and kernels read whole words.
        _buffer = DeviceMemory.Allocate(accelerator, Math.Max(4, byteLength));
    }

    public Accelerator Accelerator { get; }

    /// <summary>Whether recordings may hold its address, and are void once it is gone.</summary>
    public bool IsRecorded { get; }

    public bool IsAlive => _buffer is not null;

    public override long ByteLength { get; }

    /// <summary>CUDA's address of the first byte, or OpenCL's handle of the buffer.</summary>
    public nint NativePointer => _buffer?.NativePtr ?? throw new ObjectDisposedException(nameof(DeviceStorage));

    public override unsafe byte* HostPointer => null;

    /// <summary>Elements of some type, from a place in bytes.</summary>
    public ArrayView<T> View<T>(long byteOffset, long count)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_buffer is null, this);
        return _buffer.View.BaseView.SubView(byteOffset, count * Interop.SizeOf<T>()).Cast<T>();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && _buffer is not null)
            DeviceMemory.Free(Accelerator, _buffer, IsRecorded);
        _buffer = null;
    }
}

/// <summary>Tensors as views for kernels.</summary>
internal static class DeviceTensors
{
    public static ArrayView<float> Floats(this Tensor tensor) => tensor.View<float>();

    public static ArrayView<T> View<T>(this Tensor tensor)
        where T : unmanaged => ((DeviceStorage)tensor.Storage).View<T>(tensor.ByteOffset, tensor.ByteLength / Interop.SizeOf<T>());
}
