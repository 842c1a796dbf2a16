using System.Runtime.CompilerServices;

namespace Kosmos2.Kernels.Reference;

/// <summary>A weight read from where it lies, element by element, whatever its type and alignment.</summary>
internal sealed class ReferenceWeight(Tensor matrix) : PreparedWeight(matrix.Shape, matrix.DType)
{
    /// <summary>Widens row <paramref name="row"/> of [rows, width].</summary>
    public unsafe void ReadRow(int row, Span<double> destination)
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

/// <summary>Rows of an F32 tensor in host memory.</summary>
internal static class TensorRows
{
    public static unsafe Span<float> Row(this Tensor tensor, int row) =>
        new(tensor.HostPointer + ((long)row * tensor.Width * sizeof(float)), tensor.Width);
}
