using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>A tensor on its way into another format: the parts it becomes, and how they are written.</summary>
/// <param name="name">Its name.</param>
/// <param name="source">F32, F16 or BF16.</param>
/// <param name="format">What it becomes.</param>
/// <param name="integers">Makes its integers; null unless the format is one of those.</param>
/// <param name="change">What else becomes of its elements, in place, after which they are stored in F32; null if nothing. Not for integers.</param>
internal sealed class StoredWeight(string name, Tensor source, WeightFormat format, WeightQuantizer? integers, Action<float[]>? change)
{
    private readonly string _module = name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;

    /// <summary>The tensor's name.</summary>
    public string Name => name;

    /// <summary>Bytes it has now.</summary>
    public long ByteLength => source.ByteLength;

    /// <summary>The tensors it becomes.</summary>
    public IEnumerable<(string Name, DType DType, Shape Shape)> Parts
    {
        get
        {
            if (integers is null)
                return [(name, change is not null ? DType.F32 : format == WeightFormat.BFloat16 ? DType.BF16 : source.DType, source.Shape)];
            var parts = new List<(string Name, DType DType, Shape Shape)>
            {
                (ValuesName, integers.StoredType, new Shape(source.Shape[0], integers.StoredWidth)),
                ($"{_module}.weight_scale", DType.F32, new Shape(source.Shape[0], integers.Groups)),
            };
            if (format == WeightFormat.Int4)
                parts.Add(($"{_module}.weight_shape", DType.I64, new Shape(2)));
            return parts;
        }
    }

    private string ValuesName => format == WeightFormat.Int4 ? $"{_module}.weight_packed" : name;

    /// <summary>Converts and writes the parts.</summary>
    /// <param name="writer">The file.</param>
    /// <param name="pieceLength">Weights at a time, about.</param>
    /// <param name="cancellation">Stops between two pieces.</param>
    public void Write(SafetensorsWriter writer, int pieceLength, CancellationToken cancellation)
    {
        if (integers is not null)
        {
            if (format == WeightFormat.Int8)
                WriteIntegers<sbyte>(writer, pieceLength, cancellation);
            else
                WriteIntegers<int>(writer, pieceLength, cancellation);
        }
        else if (change is not null)
        {
            cancellation.ThrowIfCancellationRequested();
            float[] values = Floats.ToArray(source);
            change(values);
            writer.Write<float>(name, 0, values);
        }
        else if (format == WeightFormat.BFloat16)
        {
            WriteBFloat16(writer, pieceLength, cancellation);
        }
        else
        {
            cancellation.ThrowIfCancellationRequested();
            writer.Write(name, source);
        }

        // It is not read again: a mapped file would stay in memory whole.
        source.Storage.Discard(source.ByteOffset, source.ByteLength);
    }

    private void WriteIntegers<T>(SafetensorsWriter writer, int pieceLength, CancellationToken cancellation)
        where T : unmanaged
    {
        int rows = source.Shape.Rows, step = Math.Max(1, pieceLength / Math.Max(source.Width, 1));
        var values = new T[Math.Min(step, rows) * integers!.StoredWidth];
        var scales = new float[Math.Min(step, rows) * integers.Groups];
        for (int row = 0; row < rows; row += step)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(step, rows - row);
            Span<T> stored = values.AsSpan(0, count * integers.StoredWidth);
            Span<float> found = scales.AsSpan(0, count * integers.Groups);
            integers.Rows(row, count, stored, found);
            writer.Write<T>(ValuesName, (long)row * integers.StoredWidth, stored);
            writer.Write<float>($"{_module}.weight_scale", (long)row * integers.Groups, found);
        }

        if (format == WeightFormat.Int4)
            writer.Write<long>($"{_module}.weight_shape", 0, [source.Shape[0], source.Shape[1]]);
    }

    private void WriteBFloat16(SafetensorsWriter writer, int pieceLength, CancellationToken cancellation)
    {
        long length = source.Shape.ElementCount;
        var rounded = new ushort[Math.Min(pieceLength, length)];
        for (long start = 0; start < length; start += pieceLength)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<ushort> piece = rounded.AsSpan(0, (int)Math.Min(pieceLength, length - start));
            Floats.Round(source, start, piece);
            writer.Write<ushort>(name, start, piece);
        }
    }
}
