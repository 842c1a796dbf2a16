using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Sums and maxima over a work group, in an order that depends on the group's size alone. Every thread of the group must call, and gets the
/// result.
/// </summary>
internal static class GroupReduction
{
    /// <param name="shared">One float a thread.</param>
    /// <param name="value">This thread's part.</param>
    public static float Sum(ArrayView<float> shared, float value)
    {
        shared[Group.IdxX] = value;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (Group.IdxX < half)
                shared[Group.IdxX] += shared[Group.IdxX + half];
            Group.Barrier();
        }
        float sum = shared[0];
        Group.Barrier();
        return sum;
    }

    /// <param name="shared">One float a thread.</param>
    /// <param name="value">This thread's part.</param>
    public static float Max(ArrayView<float> shared, float value)
    {
        shared[Group.IdxX] = value;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (Group.IdxX < half && shared[Group.IdxX + half] > shared[Group.IdxX])
                shared[Group.IdxX] = shared[Group.IdxX + half];
            Group.Barrier();
        }
        float max = shared[0];
        Group.Barrier();
        return max;
    }
}
