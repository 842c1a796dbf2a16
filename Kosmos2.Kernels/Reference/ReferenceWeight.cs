using System.Runtime.CompilerServices;

namespace Kosmos2.Kernels.Reference;

/// <summary>A weight as rows of double precision.</summary>
internal abstract class ReferenceWeight(Shape shape, DType type) : PreparedWeight(shape, type)
{
    /// <summary>Widens row <paramref name="row"/> of [rows, width].</summary>
    public abstract void ReadRow(int row, Span<double> destination);
}

/// <summary>A weight of floats read from where it lies, element by element, whatever its type and alignment.</summary>
internal sealed class ReferenceFloatWeight(Tensor matrix) : ReferenceWeight(matrix.Shape, matrix.DType)
{
    public override unsafe void ReadRow(int row, Span<double> destination)
    {
        byte* source = matrix.HostPointer + ((long)row * Shape.Width * DType.SizeInBytes());
        for (int i = 0; i < Shape.Width; i++)
        {
            destination[i] = DType switch
            {
                DType.F32 => Unsafe.ReadUnaligned<float>(source + (i * 4L)),
                DType.F16 => (double)Unsafe.ReadUnaligned<Half>(source + (i * 2L)),
                // A bfloat16 is the upper half of a float.
                _ => BitConverter.Int32BitsToSingle(Unsafe.ReadUnaligned<ushort>(source + (i * 2L)) << 16),
            };
        }
    }
}

/// <summary>A weight of small integers: (q - zero) * scale without rounding.</summary>
internal sealed class ReferenceQuantizedWeight(QuantizedMatrix matrix) : ReferenceWeight(matrix.Shape, matrix.Values.DType)
{
    public override unsafe void ReadRow(int row, Span<double> destination)
    {
        var integers = new sbyte[destination.Length];
        matrix.ReadIntegers(row, integers);
        for (int i = 0; i < integers.Length; i++)
        {
            long group = ((long)row * matrix.Groups) + (i / matrix.GroupSize);
            double scale = Unsafe.ReadUnaligned<float>(matrix.Scales.HostPointer + (group * sizeof(float)));
            int zero = matrix.ZeroPoints is null ? 0 : (sbyte)matrix.ZeroPoints.HostPointer[group];
            destination[i] = (integers[i] - zero) * scale;
        }
    }
}

/// <summary>Rows of an F32 tensor in host memory.</summary>
internal static class TensorRows
{
    public static unsafe Span<float> Row(this Tensor tensor, int row) =>
        new(tensor.HostPointer + ((long)row * tensor.Width * sizeof(float)), tensor.Width);
}
