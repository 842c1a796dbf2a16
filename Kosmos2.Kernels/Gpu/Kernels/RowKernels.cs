using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Normalisations: a group for each row, of <see cref="Octet.Count"/> elements a thread as far as groups go. y may be x.
/// </summary>
internal static class RowKernels
{
    /// <summary>Threads of the largest group.</summary>
    public const int MostThreads = 1024;

    // Threads of the smallest group, that of GroupReduction.
    private const int LeastThreads = 64;

    /// <summary>Threads for a row: enough for all its elements, a power of two.</summary>
    /// <param name="width">The row's.</param>
    /// <param name="most">What the device allows, at least <see cref="IlgpuDevices.GroupSize"/>.</param>
    internal static int ThreadsFor(int width, int most)
    {
        int threads = LeastThreads;
        while (threads * Octet.Count < width && threads * 2 <= Math.Min(most, MostThreads))
            threads *= 2;
        return threads;
    }

    /// <summary>y[r, i] = (x[r, i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i], with the mean found before the variance.</summary>
    public static void LayerNorm<TRows>(ArrayView<float> x, NormViews norm, TRows y, int width)
        where TRows : struct, IResultRows
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(MostThreads);
        int start = Grid.IdxX * width;
        new InputRow(x, start, width, norm, true, shared).Store(width, y, start);
    }

    /// <summary>y[r, i] = x[r, i] / max(sqrt(sum over j of x[r, j]^2), 1e-12).</summary>
    public static void L2Normalize(ArrayView<float> x, ArrayView<float> y, int width)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(MostThreads);
        int start = Grid.IdxX * width;
        float part = 0;
        for (int i = Group.IdxX; i < width; i += Group.DimX)
            part += x[start + i] * x[start + i];
        float length = XMath.Max(XMath.Sqrt(GroupReduction.Sum(shared, part)), 1e-12f);

        for (int i = Group.IdxX; i < width; i += Group.DimX)
            y[start + i] = x[start + i] / length;
    }
}
