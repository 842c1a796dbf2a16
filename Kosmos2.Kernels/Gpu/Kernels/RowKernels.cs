using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Normalisations: a group of <see cref="IlgpuDevices.GroupSize"/> threads for each row. y may be x.</summary>
internal static class RowKernels
{
    /// <summary>y[r, i] = (x[r, i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i], with the mean found before the variance.</summary>
    public static void LayerNorm(ArrayView<float> x, NormViews norm, ArrayView<float> y, int width)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(IlgpuDevices.GroupSize);
        int start = Grid.IdxX * width;
        float mean = Mean(shared, x, start, width);
        float factor = Factor(shared, x, start, width, mean, norm.Epsilon);
        for (int i = Group.IdxX; i < width; i += IlgpuDevices.GroupSize)
            y[start + i] = ((x[start + i] - mean) * factor * norm.Weight[i]) + norm.Bias[i];
    }

    /// <summary>y[r, i] = x[r, i] / max(sqrt(sum over j of x[r, j]^2), 1e-12).</summary>
    public static void L2Normalize(ArrayView<float> x, ArrayView<float> y, int width)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(IlgpuDevices.GroupSize);
        int start = Grid.IdxX * width;
        float part = 0;
        for (int i = Group.IdxX; i < width; i += IlgpuDevices.GroupSize)
            part += x[start + i] * x[start + i];
        float length = XMath.Max(XMath.Sqrt(GroupReduction.Sum(shared, part)), 1e-12f);

        for (int i = Group.IdxX; i < width; i += IlgpuDevices.GroupSize)
            y[start + i] = x[start + i] / length;
    }

    /// <summary>The mean of a row, in every thread of a group.</summary>
    internal static float Mean(ArrayView<float> shared, ArrayView<float> x, int start, int width)
    {
        const int Step = IlgpuDevices.GroupSize;
        float part = 0;
        int i = Group.IdxX;
        // Eight loads are under way at once; the sum keeps its order. Later passes over the row find it in the first cache.
        for (; i + (7 * Step) < width; i += 8 * Step)
        {
            int at = start + i;
            float a = x[at];
            float b = x[at + Step];
            float c = x[at + (2 * Step)];
            float d = x[at + (3 * Step)];
            float e = x[at + (4 * Step)];
            float f = x[at + (5 * Step)];
            float g = x[at + (6 * Step)];
            float h = x[at + (7 * Step)];
            part = part + a + b + c + d + e + f + g + h;
        }
        for (; i < width; i += Step)
            part += x[start + i];
        return GroupReduction.Sum(shared, part) / width;
    }

    /// <summary>1 / sqrt(variance + epsilon) of a row, in every thread of a group.</summary>
    internal static float Factor(ArrayView<float> shared, ArrayView<float> x, int start, int width, float mean, float epsilon)
    {
        float part = 0;
        for (int i = Group.IdxX; i < width; i += IlgpuDevices.GroupSize)
        {
            float difference = x[start + i] - mean;
            part += difference * difference;
        }
        return 1 / XMath.Sqrt((GroupReduction.Sum(shared, part) / width) + epsilon);
    }
}
