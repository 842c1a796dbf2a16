using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Kosmos2.Kernels;
using Microsoft.Win32.SafeHandles;

namespace Kosmos2.Weights;

/// <summary>
/// A whole file mapped read-only into memory. Pages are read when they are touched. Nothing promises more than the alignment the file's
/// own layout gives. Writing through the pointer ends the process, and so does reading a page that another process has meanwhile cut off
/// the file: replace a model's files by renaming, never by truncating them in place.
/// </summary>
internal sealed unsafe partial class MappedStorage : TensorStorage
{
    private const int DontNeed = 4;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _pointer;

    /// <summary>Maps the first <paramref name="byteLength"/> bytes of an open file, which the map keeps open by itself.</summary>
    /// <param name="handle">The file, readable.</param>
    /// <param name="byteLength">Length to map, at least 1.</param>
    public MappedStorage(SafeFileHandle handle, long byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(byteLength, 1);
        ByteLength = byteLength;
        _file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        try
        {
            _view = _file.CreateViewAccessor(0, byteLength, MemoryMappedFileAccess.Read);
        }
        catch
        {
            _file.Dispose();
            throw;
        }

        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _pointer = start + _view.PointerOffset;
    }

    /// <inheritdoc/>
    public override long ByteLength { get; }

    /// <inheritdoc/>
    public override byte* HostPointer => _pointer;

    /// <inheritdoc/>
    public override void Discard(long offset, long byteLength)
    {
        if (!OperatingSystem.IsLinux() || _pointer == null)
            return;

        // Whole pages only: the ends may belong to tensors beside.
        nuint page = (nuint)Environment.SystemPageSize;
        nuint first = ((nuint)(_pointer + offset) + page - 1) & ~(page - 1);
        nuint end = (nuint)(_pointer + offset + byteLength) & ~(page - 1);
        if (end > first)
            _ = madvise((void*)first, end - first, DontNeed);
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing || _pointer == null)
            return;
        _pointer = null;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
