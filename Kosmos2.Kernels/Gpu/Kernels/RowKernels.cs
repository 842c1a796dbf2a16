using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Normalisations: a group for each row, of <see cref="Octet.Count"/> elements a thread as far as groups go. Rows are read once, into registers; what a longer
/// row has beyond is read again. y may be x.
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
        int thread = Group.IdxX;
        int step = Group.DimX;
        int turn = Octet.Count * step;
        // Asked for together, though the last two are wanted late.
        Octet own = Octet.Load(x, start, thread, step, width);
        Octet weight = Octet.Load(norm.Weight, 0, thread, step, width);
        Octet bias = Octet.Load(norm.Bias, 0, thread, step, width);

        float sum = own.Sum(thread, step, width);
        for (int i = thread + turn; i < width; i += turn)
            sum += Octet.Load(x, start, i, step, width).Sum(i, step, width);
        float mean = GroupReduction.Sum(shared, sum) / width;

        float squares = own.SquaredDistance(mean).Sum(thread, step, width);
        for (int i = thread + turn; i < width; i += turn)
            squares += Octet.Load(x, start, i, step, width).SquaredDistance(mean).Sum(i, step, width);
        float factor = 1 / XMath.Sqrt((GroupReduction.Sum(shared, squares) / width) + norm.Epsilon);

        own.Normalized(mean, factor, weight, bias).Store(y, start, thread, step, width);
        for (int i = thread + turn; i < width; i += turn)
        {
            Octet more = Octet.Load(x, start, i, step, width);
            more.Normalized(mean, factor, Octet.Load(norm.Weight, 0, i, step, width), Octet.Load(norm.Bias, 0, i, step, width)).Store(y, start, i, step, width);
        }
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
