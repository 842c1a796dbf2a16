using System.Numerics;
using System.Runtime.InteropServices;

namespace Kosmos2.Weights;

/// <summary>Sums over rows of floats, a vector at a time.</summary>
internal static class RowSums
{
    /// <summary>sums += factor * row.</summary>
    public static void Add(float factor, ReadOnlySpan<float> row, Span<float> sums)
    {
        ReadOnlySpan<Vector<float>> x = MemoryMarshal.Cast<float, Vector<float>>(row);
        Span<Vector<float>> y = MemoryMarshal.Cast<float, Vector<float>>(sums);
        for (int i = 0; i < y.Length; i++)
            y[i] += x[i] * factor;
        for (int i = y.Length * Vector<float>.Count; i < sums.Length; i++)
            sums[i] += row[i] * factor;
    }

    /// <summary>The product of two rows of one length.</summary>
    public static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ReadOnlySpan<Vector<float>> x = MemoryMarshal.Cast<float, Vector<float>>(a), y = MemoryMarshal.Cast<float, Vector<float>>(b);
        Vector<float> sums = default;
        for (int i = 0; i < x.Length; i++)
            sums += x[i] * y[i];
        float sum = Vector.Sum(sums);
        for (int i = x.Length * Vector<float>.Count; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
