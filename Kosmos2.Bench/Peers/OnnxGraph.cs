using System.Globalization;
using Google.Protobuf;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Bench.Peers;

/// <summary>
/// An ONNX graph whose weights are a checkpoint's own bytes: initialisers as external data in <c>model.safetensors</c>, at offsets that depend on the file's
/// header and are rewritten here for the one at hand. Fields of onnx.proto by number.
/// </summary>
internal static class OnnxGraph
{
    private const int GraphOfModel = 7;
    private const int InitializerOfGraph = 5;
    private const int NameOfTensor = 8;
    private const int ExternalDataOfTensor = 13;
    private const int KeyOfEntry = 1;
    private const int ValueOfEntry = 2;

    /// <summary>Reads a graph, and changes its weights' places to those of a file.</summary>
    /// <param name="source">The graph.</param>
    /// <param name="weights">F32 weights by the names that the graph has.</param>
    /// <returns>The model for a session.</returns>
    /// <exception cref="InvalidDataException">A weight is missing, is not F32, or has another size.</exception>
    public static byte[] Read(string source, SafetensorsFile weights)
    {
        Dictionary<string, SafetensorsEntry> entries = weights.Entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        ByteString model = ByteString.CopyFrom(File.ReadAllBytes(source));
        return Replace(model, GraphOfModel, graph => Replace(graph, InitializerOfGraph, Move)).ToByteArray();

        ByteString Move(ByteString tensor)
        {
            string name = Text(tensor, NameOfTensor);
            return Replace(tensor, ExternalDataOfTensor, entry =>
            {
                if (!entries.TryGetValue(name, out SafetensorsEntry? weight) || weight.DType != DType.F32)
                    throw new InvalidDataException($"{source}: {name} is not among the F32 weights of {weights.FilePath}");
                string value = Text(entry, ValueOfEntry);
                switch (Text(entry, KeyOfEntry))
                {
                    case "offset":
                        value = weight.Offset.ToString(CultureInfo.InvariantCulture);
                        return Replace(entry, ValueOfEntry, _ => ByteString.CopyFromUtf8(value));
                    case "length" when value != weight.ByteLength.ToString(CultureInfo.InvariantCulture):
                        throw new InvalidDataException($"{source}: {name} has {value} bytes, and {weight.ByteLength} in {weights.FilePath}");
                    default:
                        return entry;
                }
            });
        }
    }

    /// <summary>A message with every occurrence of a field of bytes replaced.</summary>
    private static ByteString Replace(ByteString message, int field, Func<ByteString, ByteString> replace)
    {
        using var memory = new MemoryStream(message.Length);
        using (var output = new CodedOutputStream(memory, leaveOpen: true))
        {
            CodedInputStream input = message.CreateCodedInput();
            for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
            {
                output.WriteTag(tag);
                switch (WireFormat.GetTagWireType(tag))
                {
                    case WireFormat.WireType.LengthDelimited:
                        ByteString bytes = input.ReadBytes();
                        output.WriteBytes(WireFormat.GetTagFieldNumber(tag) == field ? replace(bytes) : bytes);
                        break;
                    case WireFormat.WireType.Fixed32:
                        output.WriteFixed32(input.ReadFixed32());
                        break;
                    case WireFormat.WireType.Fixed64:
                        output.WriteFixed64(input.ReadFixed64());
                        break;
                    default:
                        output.WriteUInt64(input.ReadUInt64());
                        break;
                }
            }
        }
        return ByteString.CopyFrom(memory.GetBuffer(), 0, (int)memory.Length);
    }

    private static string Text(ByteString message, int field)
    {
        string text = "";
        Replace(message, field, bytes =>
        {
            text = bytes.ToStringUtf8();
            return bytes;
        });
        return text;
    }
}
