using System.Runtime.InteropServices;

namespace Kosmos2.Kernels;

/// <summary>
/// Host memory that is allocated and filled when it is first read: weights that are converted as they are needed. Not thread-safe, as backends are not.
/// </summary>
/// <param name="byteLength">Length in bytes, at least 0.</param>
/// <param name="make">Fills <see cref="Memory"/> and sets <see cref="IsMade"/>, of this storage and of whichever others come out of the same work.</param>
internal sealed unsafe class DeferredStorage(long byteLength, Action make) : TensorStorage
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
            if (!IsMade && !_disposed)
                make();
            return _memory;
        }
    }

    /// <summary>Whether the content is there.</summary>
    public bool IsMade { get; set; }

    /// <summary>The memory, aligned to 64 bytes, whatever it holds.</summary>
    public byte* Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_memory == null)
            {
                _memory = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(byteLength, 1), 64);
                GC.AddMemoryPressure(Math.Max(byteLength, 1));
            }
            return _memory;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        if (_memory == null)
            return;
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        GC.RemoveMemoryPressure(Math.Max(byteLength, 1));
    }
}
