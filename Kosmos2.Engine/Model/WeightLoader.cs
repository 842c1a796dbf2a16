using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>Brings a checkpoint's tensors to a backend by name, and frees them all at the end.</summary>
/// <param name="backend">The device.</param>
/// <param name="checkpoint">The files.</param>
/// <param name="config">Their configuration.</param>
/// <param name="format">What weights are brought to.</param>
/// <param name="panels">Panels of the stored weights for this device, or null. The loader takes them over.</param>
internal sealed class WeightLoader(IBackend backend, Checkpoint checkpoint, Kosmos2Config config, WeightFormat format, PanelFile? panels) : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly Dictionary<string, PreparedWeight> _matrices = new(StringComparer.Ordinal);
    private readonly QuantizationPlan? _plan = format == WeightFormat.Stored ? null : new QuantizationPlan(config, new QuantizeOptions { Format = format });

    /// <summary>The device.</summary>
    public IBackend Backend => backend;

    /// <summary>The matrices by name.</summary>
    public IReadOnlyDictionary<string, PreparedWeight> Matrices => _matrices;

    /// <summary>A linear layer: NAME.weight [out, in] and NAME.bias [out].</summary>
    public LinearParameters Linear(string name) => new(Matrix($"{name}.weight"), Vector($"{name}.bias"));

    /// <summary>A layer normalisation: NAME.weight and NAME.bias, both [width].</summary>
    public LayerNormParameters LayerNorm(string name, float epsilon) => new(Vector($"{name}.weight"), Vector($"{name}.bias"), epsilon);

    /// <summary>A matrix in the backend's own form; further axes are folded into the second.</summary>
    /// <exception cref="DeviceMemoryException">The device has no room for it; the message names it, unless it was found out later, when it may be any.</exception>
    public PreparedWeight Matrix(string name)
    {
        try
        {
            return _matrices[name] = Prepare(name);
        }
        catch (DeviceMemoryException e) when (e.NeededBytes > 0)
        {
            throw new DeviceMemoryException(name, e.NeededBytes, e.FreeBytes, e);
        }
    }

    /// <summary>A small tensor as F32 on the backend, in its own shape.</summary>
    public Tensor Vector(string name)
    {
        (float[] values, Shape shape) = Host(name);
        Tensor copy = Own(backend.Allocate(DType.F32, shape.Extents));
        backend.Upload<float>(values, copy);
        return copy;
    }

    /// <summary>A small tensor's elements widened to float on the host.</summary>
    public float[] HostVector(string name) => Host(name).Values;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in Enumerable.Reverse(_owned))
            owned.Dispose();
        _owned.Clear();
        panels?.Dispose();
    }

    private PreparedWeight Prepare(string name)
    {
        if (checkpoint.GetQuantized(name, config) is { } integers)
            return Prepare(integers, matrix => panels?.Prepare(name, matrix) ?? backend.Prepare(matrix));
        Tensor tensor = checkpoint[name];
        long rows = tensor.Shape[0];
        Tensor matrix = tensor.Reshape(rows, rows == 0 ? 0 : tensor.Shape.ElementCount / rows);
        WeightFormat made = _plan?.FormatOf(name, tensor.DType) ?? WeightFormat.Stored;
        return made switch
        {
            WeightFormat.BFloat16 when tensor.DType != DType.BF16 => Prepare(Floats.ToBFloat16Later(matrix), backend.Prepare),
            WeightFormat.Int8 or WeightFormat.Int4 => Prepare(
                new WeightQuantizer(matrix, _plan!.SchemeOf(made)).RunLater(problem => checkpoint.Problem(name, problem)), backend.Prepare),
            _ => Own(panels?.Prepare(name, matrix) ?? backend.Prepare(matrix)),
        };
    }

    /// <summary>A weight of a matrix that was made for it, and that goes as soon as it can.</summary>
    private PreparedWeight Prepare<T>(T matrix, Func<T, PreparedWeight> prepare)
        where T : IDisposable
    {
        PreparedWeight weight = Own(prepare(Own(matrix)));
        if (!weight.ReadsSource)
            matrix.Dispose();
        return weight;
    }

    private (float[] Values, Shape Shape) Host(string name)
    {
        using QuantizedMatrix? integers = checkpoint.GetQuantized(name, config);
        if (integers is null)
        {
            Tensor stored = checkpoint[name];
            using Tensor? rounded = _plan?.FormatOf(name, stored.DType) == WeightFormat.BFloat16 ? Floats.ToBFloat16(stored) : null;
            return (Floats.ToArray(rounded ?? stored), stored.Shape);
        }
        int width = integers.Shape.Width;
        var values = new float[checked((int)integers.Shape.ElementCount)];
        for (int row = 0; row < integers.Shape.Rows; row++)
            integers.ReadRow(row, values.AsSpan(row * width, width));
        return (values, integers.Shape);
    }

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }
}
