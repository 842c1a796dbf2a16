using Kosmos2.Bench;
using static TorchSharp.torch;

namespace Kosmos2.Libtorch;

/// <summary>
/// libtorch's product of x [rows, inputs] with a weight, both of one type, to y [rows, outputs] of that type. It packs the weight in every run: operations with
/// packed ones (oneDNN's, MKL's) are not among those that TorchSharp can call.
/// </summary>
internal sealed class TorchLinear : IDisposable
{
    private readonly Tensor _x;
    private readonly Tensor _weight;
    private readonly Func<Tensor> _multiply;
    private Tensor? _y;

    /// <param name="x">[rows, inputs].</param>
    /// <param name="weight">[outputs, inputs].</param>
    /// <param name="shape">The three numbers.</param>
    /// <param name="type">What x and the weight are rounded to.</param>
    /// <param name="transposed">Whether the weight lies in memory as [inputs, outputs], for <c>matmul</c>, or as it comes, for <c>linear</c>.</param>
    public TorchLinear(float[] x, float[] weight, MatMulShape shape, ScalarType type, bool transposed)
    {
        _x = Matrix(x, shape.Rows, shape.Inputs, type);
        Tensor stored = Matrix(weight, shape.Outputs, shape.Inputs, type);
        if (!transposed)
        {
            _weight = stored;
            _multiply = () => nn.functional.linear(_x, _weight);
            return;
        }
        using (stored)
        {
            using Tensor view = stored.t();
            _weight = view.contiguous();
        }
        _multiply = () => matmul(_x, _weight);
    }

    public void Run()
    {
        // Given back first, so that libtorch takes the same memory again.
        _y?.Dispose();
        _y = _multiply();
    }

    /// <summary>[rows, outputs] of the last run.</summary>
    public float[] Output()
    {
        using Tensor y = _y!.to(ScalarType.Float32, copy: true);
        return y.data<float>().ToArray();
    }

    public void Dispose()
    {
        _x.Dispose();
        _weight.Dispose();
        _y?.Dispose();
    }

    private static Tensor Matrix(float[] values, int rows, int columns, ScalarType type)
    {
        using Tensor floats = tensor(values, [rows, columns]);
        return floats.to(type, copy: true);
    }
}
