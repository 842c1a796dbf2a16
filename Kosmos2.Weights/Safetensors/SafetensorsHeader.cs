using System.Text.Unicode;

namespace Kosmos2.Weights;

/// <summary>
/// The checked header of a safetensors file. Everything the format promises is verified here, before anyone makes a view: well-formed
/// UTF-8 JSON without duplicate names, known types, sizes that equal shape times type, and data that covers the rest of the file without
/// hole or overlap.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Bytes before the header: its length.</summary>
    public const int PrefixLength = 8;

    /// <summary>Longest header the format allows, in bytes.</summary>
    public const int MaxLength = 100_000_000;

    private SafetensorsHeader(IReadOnlyList<SafetensorsEntry> entries, IReadOnlyDictionary<string, string> metadata, long dataOffset)
    {
        Entries = entries;
        Metadata = metadata;
        DataOffset = dataOffset;
    }

    /// <summary>All tensors in the order of their data.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The <c>__metadata__</c> object.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Where the data begins in the file.</summary>
    public long DataOffset { get; }

    /// <summary>Parses and checks a header.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="json">The header's bytes.</param>
    /// <param name="fileLength">Length of the whole file.</param>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long fileLength)
    {
        if (json.Length == 0)
            throw new SafetensorsException(path, null, 0, "the header is empty; even a file without tensors has {}");
        if (!Utf8.IsValid(json))
            throw new SafetensorsException(path, null, PrefixLength, "the header is not UTF-8");
        if (json[0] != (byte)'{')
        {
            string problem = $"the header begins with byte 0x{json[0]:x2}; it must be a JSON object and begin with {{";
            throw new SafetensorsException(path, null, PrefixLength, problem);
        }


        var parser = new SafetensorsHeaderParser(path, json);
        parser.Run();
        long dataOffset = PrefixLength + json.Length;
        SafetensorsEntry[] entries = Place(path, parser.Tensors, dataOffset, fileLength);
        return new SafetensorsHeader(entries, parser.Metadata, dataOffset);
    }

    /// <summary>Checks that the tensors' data, in order, covers the file from the header to its end.</summary>
    private static SafetensorsEntry[] Place(string path, List<SafetensorsHeaderParser.Declaration> tensors, long dataOffset, long fileLength)
    {
        // An empty tensor lies before the one that begins where it does.
        tensors.Sort(static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        var entries = new SafetensorsEntry[tensors.Count];
        long dataLength = fileLength - dataOffset;
        long end = 0;
        for (int i = 0; i < entries.Length; i++)
        {
            SafetensorsHeaderParser.Declaration tensor = tensors[i];
            if (tensor.End > dataLength)
            {
                string problem = $"data_offsets [{tensor.Begin}, {tensor.End}] reach past the end of the data, which has {dataLength} bytes";
                throw new SafetensorsException(path, tensor.Name, tensor.HeaderOffset, problem);
            }

            if (tensor.Begin != end)
            {
                string kind = tensor.Begin > end ? "leave a hole after" : "overlap";
                string problem = $"data_offsets [{tensor.Begin}, {tensor.End}] {kind} the data before them, which ends at {end}";
                throw new SafetensorsException(path, tensor.Name, tensor.HeaderOffset, problem);
            }

            entries[i] = new SafetensorsEntry(tensor.Name, tensor.DType, tensor.Shape, dataOffset + tensor.Begin, tensor.End - tensor.Begin);
            end = tensor.End;
        }

        if (end != dataLength)
        {
            string problem = $"{dataLength - end} bytes follow the last tensor; the file must end with it";
            throw new SafetensorsException(path, null, dataOffset + end, problem);
        }

        return entries;
    }
}
