using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Kosmos2.Bench.Peers;

/// <summary>
/// ONNX Runtime's product of an F32 matrix [rows, inputs] with a constant [inputs, outputs], which it packs when the session is made. The
/// model is written here, field by field; input and output are bound to memory of our own, so that a run allocates nothing.
/// </summary>
internal sealed class OnnxMatMul : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly OrtValue[] _inputs;
    private readonly OrtValue[] _outputs;

    /// <param name="x">[rows, inputs].</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="weight">[outputs, inputs], as a linear layer stores it; transposed here.</param>
    /// <param name="outputs">Rows of the weight.</param>
    /// <param name="inputs">Width of the weight.</param>
    /// <param name="threads">Threads of the session.</param>
    public OnnxMatMul(float[] x, int rows, float[] weight, int outputs, int inputs, int threads)
    {
        var transposed = new float[weight.Length];
        for (int n = 0; n < outputs; n++)
        {
            for (int k = 0; k < inputs; k++)
                transposed[((long)k * outputs) + n] = weight[((long)n * inputs) + k];
        }
        using var settings = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        _session = new InferenceSession(Model(rows, outputs, inputs, transposed), settings);
        Output = new float[rows * outputs];
        _inputs = [OrtValue.CreateTensorValueFromMemory(x, [rows, inputs])];
        _outputs = [OrtValue.CreateTensorValueFromMemory(Output, [rows, outputs])];
    }

    /// <summary>[rows, outputs] of the last run.</summary>
    public float[] Output { get; }

    public void Run() => _session.Run(_options, ["X"], _inputs, ["Y"], _outputs);

    public void Dispose()
    {
        foreach (OrtValue value in (OrtValue[])[.. _inputs, .. _outputs])
            value.Dispose();
        _options.Dispose();
        _session.Dispose();
    }

    // The fields of onnx.proto by number: ModelProto, GraphProto, NodeProto, TensorProto, ValueInfoProto.
    private static byte[] Model(int rows, int outputs, int inputs, float[] weight)
    {
        const int Float = 1;
        byte[] tensor = Message(o =>
        {
            Write(o, 1, inputs);
            Write(o, 1, outputs);
            Write(o, 2, Float);
            Write(o, 8, "W");
            Write(o, 9, MemoryMarshal.AsBytes<float>(weight).ToArray());
        });
        byte[] node = Message(o =>
        {
            Write(o, 1, "X");
            Write(o, 1, "W");
            Write(o, 2, "Y");
            Write(o, 4, "MatMul");
        });
        byte[] graph = Message(o =>
        {
            Write(o, 1, node);
            Write(o, 2, "matmul");
            Write(o, 5, tensor);
            Write(o, 11, Value("X", rows, inputs));
            Write(o, 12, Value("Y", rows, outputs));
        });
        return Message(o =>
        {
            Write(o, 1, 8);
            Write(o, 7, graph);
            Write(o, 8, Message(set => Write(set, 2, 17)));
        });

        static byte[] Value(string name, params int[] extents) => Message(o =>
        {
            byte[] shape = Message(s => Array.ForEach(extents, e => Write(s, 1, Message(d => Write(d, 1, e)))));
            byte[] type = Message(t =>
            {
                Write(t, 1, Float);
                Write(t, 2, shape);
            });
            Write(o, 1, name);
            Write(o, 2, Message(t => Write(t, 1, type)));
        });
    }

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
