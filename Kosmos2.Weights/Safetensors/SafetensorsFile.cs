using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Kosmos2.Kernels;
using Microsoft.Win32.SafeHandles;

namespace Kosmos2.Weights;

/// <summary>
/// A safetensors file, mapped into memory. Opening reads and checks the header only; each tensor is a view of the map, so its bytes are
/// read from disk when they are first touched. The layout: 8 bytes little-endian header length, the header as JSON, then all data.
/// Format: https://github.com/huggingface/safetensors.
/// </summary>
/// <remarks>
/// The tensors are read-only and live as long as this object. Data starts wherever the header ends: elements may be unaligned, to 8 bytes
/// by custom and to nothing by rule.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    private readonly MappedStorage _storage;
    private readonly Dictionary<string, Tensor> _tensors;

    private SafetensorsFile(string path, SafetensorsHeader header, MappedStorage storage)
    {
        FilePath = path;
        Entries = header.Entries;
        Metadata = header.Metadata;
        DataOffset = header.DataOffset;
        _storage = storage;
        _tensors = new Dictionary<string, Tensor>(header.Entries.Count, StringComparer.Ordinal);
        foreach (SafetensorsEntry entry in header.Entries)
            _tensors.Add(entry.Name, new Tensor(storage, entry.DType, entry.Shape, entry.Offset));
    }

    /// <summary>The file's path as it was given.</summary>
    public string FilePath { get; }

    /// <summary>Length of the file in bytes.</summary>
    public long FileLength => _storage.ByteLength;

    /// <summary>Where the data begins, in bytes from the start of the file.</summary>
    public long DataOffset { get; }

    /// <summary>What the header says of each tensor, in the order of the data.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The header's <c>__metadata__</c>; empty when there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>A tensor by name.</summary>
    /// <exception cref="KeyNotFoundException">There is no such tensor.</exception>
    public Tensor this[string name] => TryGet(name, out Tensor? tensor)
        ? tensor
        : throw new KeyNotFoundException($"{FilePath}: has no tensor {Kosmos2FormatException.Quote(name)}");

    /// <summary>Opens a file, checks its header against the format's rules and the file's real length, and maps it.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    /// <exception cref="SafetensorsException">The file breaks a rule of the format, or holds an element type that is not supported.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        // The length is asked before the file is opened: opening a pipe would wait for its writer.
        var info = new FileInfo(path);
        if (!info.Exists)
            throw new FileNotFoundException($"{path}: no such file", path);
        CheckLength(path, info.Length);

        using SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        long length = RandomAccess.GetLength(handle);
        CheckLength(path, length);
        SafetensorsHeader header = SafetensorsHeader.Parse(path, ReadHeader(path, handle, length), length);
        return new SafetensorsFile(path, header, new MappedStorage(handle, length));
    }

    /// <summary>Looks a tensor up.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out Tensor? tensor) => _tensors.TryGetValue(name, out tensor);

    /// <summary>Unmaps the file; its tensors must not be used afterwards.</summary>
    public void Dispose() => _storage.Dispose();

    private static void CheckLength(string path, long length)
    {
        if (length < SafetensorsHeader.PrefixLength)
        {
            string problem = $"the file has {length} bytes; a safetensors file begins with {SafetensorsHeader.PrefixLength} that give its header's length";
            throw new SafetensorsException(path, null, length, problem);
        }
    }

    /// <summary>Reads the header's bytes, after its length has been held against the limit and the file.</summary>
    private static byte[] ReadHeader(string path, SafeFileHandle handle, long fileLength)
    {
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixLength];
        ReadExactly(path, handle, prefix, 0);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > SafetensorsHeader.MaxLength)
        {
            string problem = $"the header's length is {length} bytes; at most {SafetensorsHeader.MaxLength} are allowed";
            throw new SafetensorsException(path, null, 0, problem);
        }

        long rest = fileLength - SafetensorsHeader.PrefixLength;
        if ((long)length > rest)
            throw new SafetensorsException(path, null, 0, $"the header's length is {length} bytes, but only {rest} follow in the file");
        byte[] header = new byte[length];
        ReadExactly(path, handle, header, SafetensorsHeader.PrefixLength);
        return header;
    }

    private static void ReadExactly(string path, SafeFileHandle handle, Span<byte> bytes, long offset)
    {
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(handle, bytes, offset);
            if (read == 0)
                throw new SafetensorsException(path, null, offset, "the file became shorter while it was read");
            bytes = bytes[read..];
            offset += read;
        }
    }
}
