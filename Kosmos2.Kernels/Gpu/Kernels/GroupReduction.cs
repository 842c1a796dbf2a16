using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Sums and maxima over a work group, in an order that depends on the group's size alone. Every thread of the group must call, and gets the
/// result. In two rounds of a few loads each, rather than a tree's eight, since a barrier costs as much as they do.
/// </summary>
internal static class GroupReduction
{
    // Numbers that are left after the first round; divides the size of every group.
    private const int Parts = 16;

    /// <param name="shared">One float a thread.</param>
    /// <param name="value">This thread's part.</param>
    public static float Sum(ArrayView<float> shared, float value)
    {
        shared[Group.IdxX] = value;
        Group.Barrier();
        if (Group.IdxX < Parts)
        {
            for (int i = Group.IdxX + Parts; i < Group.DimX; i += Parts)
                value += shared[i];
            shared[Group.IdxX] = value;
        }
        Group.Barrier();
        float sum = shared[0];
        for (int i = 1; i < Parts; i++)
            sum += shared[i];
        Group.Barrier();
        return sum;
    }

    /// <param name="shared">One float a thread.</param>
    /// <param name="value">This thread's part.</param>
    public static float Max(ArrayView<float> shared, float value)
    {
        shared[Group.IdxX] = value;
        Group.Barrier();
        if (Group.IdxX < Parts)
        {
            for (int i = Group.IdxX + Parts; i < Group.DimX; i += Parts)
                value = Larger(shared[i], value);
            shared[Group.IdxX] = value;
        }
        Group.Barrier();
        float max = shared[0];
        for (int i = 1; i < Parts; i++)
            max = Larger(shared[i], max);
        Group.Barrier();
        return max;
    }

    private static float Larger(float value, float than) => value > than ? value : than;
}
