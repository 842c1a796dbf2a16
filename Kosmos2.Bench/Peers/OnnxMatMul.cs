using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Kosmos2.Bench.Peers;

/// <summary>
/// ONNX Runtime's product of an F32 matrix [rows, inputs] with a constant [inputs, outputs], which it packs when the session is made. Input and
/// output are bound to memory of our own, so that a run allocates nothing.
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
    /// <param name="setting">How it is set up.</param>
    public OnnxMatMul(float[] x, int rows, float[] weight, int outputs, int inputs, int threads, OnnxSetting setting)
    {
        var transposed = new float[weight.Length];
        for (int n = 0; n < outputs; n++)
        {
            for (int k = 0; k < inputs; k++)
                transposed[((long)k * outputs) + n] = weight[((long)n * inputs) + k];
        }
        using SessionOptions settings = setting.Options(threads);
        _session = new InferenceSession(
            OnnxMessage.Product("MatMul", (OnnxMessage.Float, OnnxMessage.Float, OnnxMessage.Float), rows, outputs, inputs, MemoryMarshal.AsBytes<float>(transposed).ToArray()), settings);
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
}
