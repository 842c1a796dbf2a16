using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>Brings a checkpoint's tensors to a backend by name, and frees them all at the end.</summary>
internal sealed class WeightLoader(IBackend backend, Checkpoint checkpoint) : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    /// <summary>The device.</summary>
    public IBackend Backend => backend;

    /// <summary>A linear layer: NAME.weight [out, in] and NAME.bias [out].</summary>
    public LinearParameters Linear(string name) => new(Matrix($"{name}.weight"), Vector($"{name}.bias"));

    /// <summary>A layer normalisation: NAME.weight and NAME.bias, both [width].</summary>
    public LayerNormParameters LayerNorm(string name, float epsilon) => new(Vector($"{name}.weight"), Vector($"{name}.bias"), epsilon);

    /// <summary>A matrix in the backend's own form; further axes are folded into the second.</summary>
    public PreparedWeight Matrix(string name)
    {
        Tensor tensor = checkpoint[name];
        long rows = tensor.Shape[0];
        return Own(backend.Prepare(tensor.Reshape(rows, rows == 0 ? 0 : tensor.Shape.ElementCount / rows)));
    }

    /// <summary>A small tensor as F32 on the backend, in its own shape.</summary>
    public Tensor Vector(string name)
    {
        Tensor source = checkpoint[name];
        Tensor copy = Own(backend.Allocate(DType.F32, source.Shape.Extents));
        backend.Upload<float>(ToFloat(source), copy);
        return copy;
    }

    /// <summary>A small tensor's elements widened to float on the host.</summary>
    public float[] HostVector(string name) => ToFloat(checkpoint[name]);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in Enumerable.Reverse(_owned))
            owned.Dispose();
        _owned.Clear();
    }

    /// <summary>Widens F32, F16, BF16 or F64 host elements to float.</summary>
    internal static float[] ToFloat(Tensor source)
    {
        var values = new float[checked((int)source.Shape.ElementCount)];
        switch (source.DType)
        {
            case DType.F32:
                source.AsSpan<float>().CopyTo(values);
                break;
            case DType.F16:
                ReadOnlySpan<Half> halves = source.AsSpan<Half>();
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)halves[i];
                break;
            case DType.BF16:
                ReadOnlySpan<ushort> upper = source.AsSpan<ushort>();
                for (int i = 0; i < values.Length; i++)
                    values[i] = BFloat16.FromBits(upper[i]);
                break;
            case DType.F64:
                ReadOnlySpan<double> doubles = source.AsSpan<double>();
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)doubles[i];
                break;
            default:
                throw new ArgumentException($"a {source} tensor does not hold model weights");
        }
        return values;
    }

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }
}
