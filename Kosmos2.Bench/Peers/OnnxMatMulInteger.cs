using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Kosmos2.Bench.Peers;

/// <summary>
/// ONNX Runtime's MatMulInteger: bytes [rows, inputs] times constant signed bytes [inputs, outputs], to sums of 32 bits. What it leaves to others, rounding rows to bytes
/// and scaling the sums, is not in its time, while it is in that of our products of 8-bit weights. Bytes of seven bits, whose pairs no instruction saturates.
/// </summary>
internal sealed class OnnxMatMulInteger : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly byte[] _x;
    private readonly sbyte[] _weight;
    private readonly int[] _y;
    private readonly int _outputs;
    private readonly OrtValue[] _values;

    /// <param name="rows">Rows of x.</param>
    /// <param name="outputs">Columns of the weight.</param>
    /// <param name="inputs">Rows of the weight.</param>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="setting">How it is set up.</param>
    public OnnxMatMulInteger(int rows, int outputs, int inputs, int threads, OnnxSetting setting)
    {
        _outputs = outputs;
        _x = [.. Samples.Uniform(1, rows * inputs).Select(value => (byte)(64 + (126 * value)))];
        _weight = [.. Samples.Uniform(2, inputs * outputs).Select(value => (sbyte)(126 * value))];
        _y = new int[rows * outputs];
        using SessionOptions settings = setting.Options(threads);
        _session = new InferenceSession(
            OnnxMessage.Product("MatMulInteger", (OnnxMessage.UInt8, OnnxMessage.Int8, OnnxMessage.Int32), rows, outputs, inputs, MemoryMarshal.AsBytes<sbyte>(_weight).ToArray()), settings);
        _values = [OrtValue.CreateTensorValueFromMemory(_x, [rows, inputs]), OrtValue.CreateTensorValueFromMemory(_y, [rows, outputs])];
    }

    public void Run() => _session.Run(_options, ["X"], [_values[0]], ["Y"], [_values[1]]);

    /// <summary>Compares some sums of the last run with their definition.</summary>
    /// <exception cref="InvalidOperationException">One is another.</exception>
    public void Check()
    {
        int inputs = _weight.Length / _outputs;
        for (int i = 0; i < _y.Length; i += 1 + (_y.Length / 100))
        {
            int sum = 0;
            for (int k = 0; k < inputs; k++)
                sum += _x[(i / _outputs * inputs) + k] * _weight[(k * _outputs) + (i % _outputs)];
            if (_y[i] != sum)
                throw new InvalidOperationException($"MatMulInteger, element {i}: {_y[i]}; expected {sum}");
        }
    }

    public void Dispose()
    {
        foreach (OrtValue value in _values)
            value.Dispose();
        _options.Dispose();
        _session.Dispose();
    }
}
