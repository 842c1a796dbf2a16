using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Kosmos2.Kernels;
using Microsoft.Win32.SafeHandles;

namespace Kosmos2.Weights;

/// <summary>
/// Writes a safetensors file piece by piece: names, types and shapes are declared first, then the data comes in any order and from any
/// thread, and nothing is held in memory. The file appears under its name only when <see cref="Complete"/> has put every byte on disk;
/// until then, or after a failure, there is a temporary file beside it that <see cref="Dispose"/> deletes.
/// </summary>
/// <remarks>
/// Data begins at a multiple of 64 bytes, wider types first and names sorted among the same width, so that every element is aligned to its
/// own size. That is also the order of the reference implementation.
/// </remarks>
public sealed class SafetensorsWriter : IDisposable
{
    private const int Alignment = 64;

    private readonly string _finalPath;
    private readonly string _temporaryPath;
    private readonly SafeFileHandle _handle;
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal);
    private readonly SafetensorsEntry[] _entries;
    private readonly long[] _written;
    private bool _completed;

    /// <summary>Declares the file's tensors and begins to write.</summary>
    /// <param name="path">The file to make or replace.</param>
    /// <param name="tensors">Name, element type and shape of each tensor; names are distinct.</param>
    /// <param name="metadata">The header's <c>__metadata__</c>, or null.</param>
    /// <exception cref="ArgumentException">
    /// Two tensors have one name, or a name is <c>__metadata__</c>, or the header would be over 100 MB.
    /// </exception>
    /// <exception cref="IOException">The file cannot be made, or the disk has no room for it.</exception>
    public SafetensorsWriter(
        string path, IEnumerable<(string Name, DType DType, Shape Shape)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        FilePath = path;
        (string Name, DType DType, Shape Shape)[] sorted =
            [.. tensors.OrderByDescending(t => t.DType.SizeInBytes()).ThenBy(t => t.Name, StringComparer.Ordinal)];
        byte[] header = WriteHeader(sorted, metadata);
        _written = new long[sorted.Length];
        _entries = new SafetensorsEntry[sorted.Length];
        long end = header.Length;
        for (int i = 0; i < sorted.Length; i++)
        {
            (string name, DType type, Shape shape) = sorted[i];
            if (name == "__metadata__" || !_indices.TryAdd(name, i))
                throw new ArgumentException($"the tensor name {Kosmos2FormatException.Quote(name)} is taken", nameof(tensors));
            _entries[i] = new SafetensorsEntry(name, type, shape, end, shape.ElementCount * type.SizeInBytes());
            end = checked(end + _entries[i].ByteLength);
        }

        _finalPath = Path.GetFullPath(path);
        _temporaryPath = AtomicFile.Beside(_finalPath);
        _handle = File.OpenHandle(_temporaryPath, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, preallocationSize: end);
        try
        {
            RandomAccess.Write(_handle, header, 0);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The file to be.</summary>
    public string FilePath { get; }

    /// <summary>Where each tensor's data goes, in the order of the file.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries => _entries;

    /// <summary>Writes a piece of a tensor. Each element must be written once; different pieces may be written from different threads.</summary>
    /// <typeparam name="T">A type of the size of the tensor's element type.</typeparam>
    /// <param name="name">A declared name.</param>
    /// <param name="start">Index of the first element, row-major.</param>
    /// <param name="values">The elements.</param>
    /// <exception cref="ArgumentException">
    /// The name is not declared, the type has another size, or the piece reaches past the tensor's end.
    /// </exception>
    /// <exception cref="IOException">The disk is full or fails.</exception>
    public unsafe void Write<T>(string name, long start, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        int index = IndexOf(name);
        SafetensorsEntry entry = _entries[index];
        int size = entry.DType.SizeInBytes();
        if (sizeof(T) != size)
            throw new ArgumentException($"a {entry.DType} tensor cannot be written from {typeof(T).Name}", nameof(values));
        if (start < 0 || start > entry.Shape.ElementCount - values.Length)
            throw new ArgumentException($"elements {start} to {start + values.Length} do not lie in {entry.DType} {entry.Shape}", nameof(start));
        WriteBytes(index, start * size, MemoryMarshal.AsBytes(values));
    }

    /// <summary>Writes a whole tensor that lies in host memory.</summary>
    /// <exception cref="ArgumentException">The name is not declared, or with another type or shape.</exception>
    /// <exception cref="IOException">The disk is full or fails.</exception>
    public unsafe void Write(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        int index = IndexOf(name);
        SafetensorsEntry entry = _entries[index];
        if (entry.DType != tensor.DType || !entry.Shape.Equals(tensor.Shape))
        {
            string problem = $"{Kosmos2FormatException.Quote(name)} is declared as {entry.DType} {entry.Shape}, not {tensor}";
            throw new ArgumentException(problem, nameof(tensor));
        }

        const int Chunk = 1 << 24;
        for (long at = 0; at < entry.ByteLength; at += Chunk)
            WriteBytes(index, at, new ReadOnlySpan<byte>(tensor.HostPointer + at, (int)Math.Min(Chunk, entry.ByteLength - at)));
    }

    /// <summary>Brings all data to disk and gives the file its name, replacing a file that has it.</summary>
    /// <exception cref="InvalidOperationException">A tensor was not written, or more of it than there is.</exception>
    /// <exception cref="IOException">The disk fails, or the old file cannot be replaced.</exception>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        for (int i = 0; i < _entries.Length; i++)
        {
            SafetensorsEntry entry = _entries[i];
            if (_written[i] != entry.ByteLength)
                throw new InvalidOperationException($"{_written[i]} of {entry.ByteLength} bytes of {Kosmos2FormatException.Quote(entry.Name)} were written");
        }

        RandomAccess.FlushToDisk(_handle);
        _handle.Dispose();
        File.Move(_temporaryPath, _finalPath, overwrite: true);
        _completed = true;
    }

    /// <summary>Deletes what was written unless <see cref="Complete"/> has succeeded.</summary>
    public void Dispose()
    {
        _handle.Dispose();
        if (!_completed)
            File.Delete(_temporaryPath);
    }

    private int IndexOf(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        return _indices.TryGetValue(name, out int index)
            ? index
            : throw new ArgumentException($"no tensor {Kosmos2FormatException.Quote(name)} was declared", nameof(name));
    }

    private void WriteBytes(int index, long at, ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(_handle, bytes, _entries[index].Offset + at);
        Interlocked.Add(ref _written[index], bytes.Length);
    }

    /// <summary>The length prefix and the JSON, padded with spaces so that the data behind it is aligned.</summary>
    private static byte[] WriteHeader((string Name, DType DType, Shape Shape)[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.GetSpan(SafetensorsHeader.PrefixLength)[..SafetensorsHeader.PrefixLength].Clear();
        buffer.Advance(SafetensorsHeader.PrefixLength);

        // Escapes little more than JSON demands, as the reference implementation does.
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is not null)
                WriteMetadata(json, metadata);
            long end = 0;
            foreach ((string name, DType type, Shape shape) in tensors)
            {
                long begin = end;
                end = checked(begin + checked(shape.ElementCount * type.SizeInBytes()));
                WriteTensor(json, name, type, shape, begin, end);
            }

            json.WriteEndObject();
        }

        int padded = (buffer.WrittenCount + Alignment - 1) / Alignment * Alignment;
        byte[] header = new byte[padded];
        buffer.WrittenSpan.CopyTo(header);
        header.AsSpan(buffer.WrittenCount).Fill((byte)' ');
        long length = padded - SafetensorsHeader.PrefixLength;
        if (length > SafetensorsHeader.MaxLength)
            throw new ArgumentException($"the header has {length} bytes; at most {SafetensorsHeader.MaxLength} are allowed", nameof(tensors));
        BinaryPrimitives.WriteInt64LittleEndian(header, length);
        return header;
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject("__metadata__");
        foreach ((string key, string value) in metadata)
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static void WriteTensor(Utf8JsonWriter json, string name, DType type, Shape shape, long begin, long end)
    {
        json.WriteStartObject(name);
        json.WriteString("dtype", SafetensorsDTypes.NameOf(type));
        json.WriteStartArray("shape");
        foreach (long extent in shape.Extents)
            json.WriteNumberValue(extent);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
