using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>A safetensors file of reference outputs, read by name; remembers which names nobody asked for.</summary>
internal sealed class GoldenFile(SafetensorsFile file) : IDisposable
{
    private readonly HashSet<string> _unread = [.. file.Entries.Select(e => e.Name)];

    /// <summary>Tensors that have not been read: stages that were not compared.</summary>
    public IReadOnlyCollection<string> Unread => _unread;

    public static GoldenFile Open(string path) => new(SafetensorsFile.Open(path));

    /// <summary>The tensors' names, in the order of the file.</summary>
    public IEnumerable<string> Names => file.Entries.Select(e => e.Name);

    public bool Has(string name) => file.TryGet(name, out _);

    /// <summary>Whether the tensor is there and has not been read.</summary>
    public bool IsUnread(string name) => _unread.Contains(name);

    /// <summary>Whether any tensor's name begins so.</summary>
    public bool HasPart(string prefix) => file.Entries.Any(e => e.Name.StartsWith(prefix, StringComparison.Ordinal));

    public Shape ShapeOf(string name) => file[name].Shape;

    /// <summary>The tolerance that the reference's own precision calls for.</summary>
    public Tolerance ToleranceOf(string name) => file[name].DType is DType.BF16 or DType.F16 ? Tolerance.BFloat16 : Tolerance.Float32;

    public float[] Floats(string name)
    {
        _unread.Remove(name);
        Tensor tensor = file[name];
        return tensor.DType.IsFloatingPoint()
            ? Weights.Floats.ToArray(tensor)
            : throw new SafetensorsException(file.FilePath, name, 0, $"expected numbers with a fraction, found {tensor.DType}");
    }

    public ReadOnlySpan<byte> Bytes(string name)
    {
        _unread.Remove(name);
        return file[name].DType == DType.U8 ? file[name].AsSpan<byte>() : throw new SafetensorsException(file.FilePath, name, 0, $"expected U8, found {file[name].DType}");
    }

    /// <summary>A reference to compare with, in its full precision.</summary>
    public double[] Doubles(string name)
    {
        if (file[name].DType != DType.F64)
            return Array.ConvertAll(Floats(name), value => (double)value);
        _unread.Remove(name);
        return file[name].AsSpan<double>().ToArray();
    }

    /// <summary>An I64 matrix as rows of ints.</summary>
    public int[][] Rows(string name)
    {
        _unread.Remove(name);
        Tensor tensor = file[name];
        if (tensor.DType != DType.I64)
            throw new SafetensorsException(file.FilePath, name, 0, $"expected I64, found {tensor.DType}");
        var rows = new int[tensor.Rows][];
        ReadOnlySpan<long> values = tensor.AsSpan<long>();
        for (int r = 0; r < rows.Length; r++)
            rows[r] = values.Slice(r * tensor.Width, tensor.Width).ToArray().Select(v => checked((int)v)).ToArray();
        return rows;
    }

    public void Dispose() => file.Dispose();
}
