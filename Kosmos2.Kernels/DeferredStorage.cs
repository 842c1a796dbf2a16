using System.Runtime.InteropServices;
using Kosmos2.Kernels.Cpu.Memory;

namespace Kosmos2.Kernels;

/// <summary>
/// Host memory that is allocated and filled when it is first read, or read again after it was given back: weights that are converted as they are needed.
/// </summary>
/// <param name="byteLength">Length in bytes, at least 0.</param>
/// <param name="work">Fills <see cref="Memory"/>, of this storage and of whichever others come out of the same work.</param>
internal sealed unsafe class DeferredStorage(long byteLength, DeferredWork work) : TensorStorage
{
    private byte* _memory;
    private bool _disposed;

    ~DeferredStorage() => Dispose(false);

    /// <inheritdoc/>
    public override long ByteLength => byteLength;

    /// <inheritdoc/>
    public override bool IsHost => !_disposed;

    /// <inheritdoc/>
    public override byte* HostPointer
    {
        get
        {
            if (!_disposed)
                work.Finish(this);
            return _memory;
        }
    }

    /// <summary>Whether there is memory now.</summary>
    public bool IsHeld => _memory != null;

    /// <summary>The memory, aligned to 64 bytes, whatever it holds: for the work to fill.</summary>
    public byte* Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_memory == null)
            {
                _memory = (byte*)Pages.Reserve((nuint)byteLength);
                GC.AddMemoryPressure(Math.Max(byteLength, 1));
                NativeBytes.Add(byteLength);
            }
            return _memory;
        }
    }

    /// <summary>Frees the memory, all of it or none. Nobody may be reading it.</summary>
    public override void Discard(long offset, long byteLength)
    {
        if (offset == 0 && byteLength == ByteLength)
            Free();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        Free();
    }

    private void Free()
    {
        if (_memory == null)
            return;
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        GC.RemoveMemoryPressure(Math.Max(byteLength, 1));
        NativeBytes.Remove(byteLength);
    }
}
