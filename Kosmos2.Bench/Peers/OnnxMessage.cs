using Google.Protobuf;

namespace Kosmos2.Bench.Peers;

/// <summary>
/// Models of one node for ONNX Runtime, y = x w with a constant w, written field by field. The fields of onnx.proto by number: ModelProto, GraphProto, NodeProto,
/// TensorProto, ValueInfoProto.
/// </summary>
internal static class OnnxMessage
{
    /// <summary>Element types of TensorProto.</summary>
    public const int Float = 1, UInt8 = 2, Int8 = 3, Int32 = 6;

    /// <summary>A model that multiplies X [rows, inputs] by a constant W [inputs, outputs] to Y [rows, outputs].</summary>
    /// <param name="operation">The node's operation.</param>
    /// <param name="types">Element types of X, W and Y.</param>
    /// <param name="rows">Rows of X.</param>
    /// <param name="outputs">Columns of W.</param>
    /// <param name="inputs">Rows of W.</param>
    /// <param name="weight">W's bytes.</param>
    public static byte[] Product(string operation, (int X, int W, int Y) types, int rows, int outputs, int inputs, byte[] weight)
    {
        byte[] tensor = Message(o =>
        {
            Write(o, 1, inputs);
            Write(o, 1, outputs);
            Write(o, 2, types.W);
            Write(o, 8, "W");
            Write(o, 9, weight);
        });
        byte[] node = Message(o =>
        {
            Write(o, 1, "X");
            Write(o, 1, "W");
            Write(o, 2, "Y");
            Write(o, 4, operation);
        });
        byte[] graph = Message(o =>
        {
            Write(o, 1, node);
            Write(o, 2, "product");
            Write(o, 5, tensor);
            Write(o, 11, Value("X", types.X, rows, inputs));
            Write(o, 12, Value("Y", types.Y, rows, outputs));
        });
        return Message(o =>
        {
            Write(o, 1, 8);
            Write(o, 7, graph);
            Write(o, 8, Message(set => Write(set, 2, 17)));
        });
    }

    private static byte[] Value(string name, int type, params int[] extents) => Message(o =>
    {
        byte[] shape = Message(s => Array.ForEach(extents, e => Write(s, 1, Message(d => Write(d, 1, e)))));
        byte[] tensor = Message(t =>
        {
            Write(t, 1, type);
            Write(t, 2, shape);
        });
        Write(o, 1, name);
        Write(o, 2, Message(t => Write(t, 1, tensor)));
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var memory = new MemoryStream();
        using (var output = new CodedOutputStream(memory, leaveOpen: true))
            write(output);
        return memory.ToArray();
    }

    private static void Write(CodedOutputStream output, int field, long value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(value);
    }

    private static void Write(CodedOutputStream output, int field, string value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(value);
    }

    private static void Write(CodedOutputStream output, int field, byte[] value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(UnsafeByteOperations.UnsafeWrap(value));
    }
}
