using System.Runtime.InteropServices;
using Kosmos2.Kernels.Cpu.Memory;

namespace Kosmos2.Kernels;

/// <summary>Memory behind one or more tensors. Whoever allocates it disposes it; views never do.</summary>
public abstract class TensorStorage : IDisposable
{
    /// <summary>Length in bytes.</summary>
    public abstract long ByteLength { get; }

    /// <summary>
    /// Address of the first byte when the host can read the memory, otherwise null. Not necessarily aligned, and tensors in a mapped
    /// file lie wherever its header ends.
    /// </summary>
    public abstract unsafe byte* HostPointer { get; }

    /// <summary>Whether the host can read the memory.</summary>
    public virtual unsafe bool IsHost => HostPointer != null;

    /// <summary>
    /// Says that a range will not be read for long. A mapped file gives its pages back to the system, and a weight that was converted as it was loaded its memory; whoever
    /// reads them all the same gets the same bytes.
    /// </summary>
    public virtual void Discard(long offset, long byteLength)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the memory once.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>Host memory of our own: zeroed, 64-byte aligned.</summary>
public sealed unsafe class HostStorage : TensorStorage
{
    private byte* _pointer;

    /// <summary>Allocates zeroed memory.</summary>
    /// <param name="byteLength">Length in bytes, at least 0.</param>
    /// <exception cref="OutOfMemoryException">The system refuses the memory.</exception>
    public HostStorage(long byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        ByteLength = byteLength;
        _pointer = (byte*)Pages.Reserve((nuint)byteLength);
        NativeMemory.Clear(_pointer, (nuint)byteLength);
        GC.AddMemoryPressure(Math.Max(byteLength, 1));
        NativeBytes.Add(byteLength);
    }

    /// <summary>Frees forgotten memory.</summary>
    ~HostStorage() => Dispose(false);

    /// <inheritdoc/>
    public override long ByteLength { get; }

    /// <inheritdoc/>
    public override byte* HostPointer => _pointer;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_pointer == null)
            return;
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        GC.RemoveMemoryPressure(Math.Max(ByteLength, 1));
        NativeBytes.Remove(ByteLength);
    }
}
