using ILGPU;
using ILGPU.Algorithms.ScanReduceOperations;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Sums and maxima over a work group of 64, 128, ... 1024 threads, as trees whose shape depends on the group's size alone. Every thread of the group must call,
/// and gets the result.
/// </summary>
/// <remarks>
/// A tree of halves would take a barrier a level, which is most of the time of a short row. Here 16 threads take the first levels each by itself, from loads that
/// are under way together, and then every thread the last ones: two barriers, and one more before the memory may be used again.
/// </remarks>
internal static class GroupReduction
{
    private const int Ways = 16;

    /// <param name="shared">One float a thread.</param>
    /// <param name="value">This thread's part.</param>
    public static float Sum(ArrayView<float> shared, float value) => Reduce<float, AddFloat>(shared, value);

    /// <inheritdoc cref="Sum(ArrayView{float}, float)"/>
    public static ulong Sum(ArrayView<ulong> shared, ulong value) => Reduce<ulong, AddUInt64>(shared, value);

    /// <inheritdoc cref="Sum(ArrayView{float}, float)"/>
    public static float Max(ArrayView<float> shared, float value) => Reduce<float, MaxFloat>(shared, value);

    /// <inheritdoc cref="Sum(ArrayView{float}, float)"/>
    public static ulong Max(ArrayView<ulong> shared, ulong value) => Reduce<ulong, MaxUInt64>(shared, value);

    private static T Reduce<T, TOperation>(ArrayView<T> shared, T value)
        where T : unmanaged
        where TOperation : struct, IScanReduceOperation<T>
    {
        int thread = Group.IdxX;
        shared[thread] = value;
        Group.Barrier();
        // Thread t reads and writes places t, t + 16, ... only.
        if (thread < Ways)
            shared[thread] = OfColumn<T, TOperation>(shared, thread);
        Group.Barrier();
        T result = Sixteen<T, TOperation>(shared, 0, 1);
        Group.Barrier();
        return result;
    }

    /// <summary>Of the places first, first + 16, ... of a group.</summary>
    private static T OfColumn<T, TOperation>(ArrayView<T> values, int first)
        where T : unmanaged
        where TOperation : struct, IScanReduceOperation<T>
    {
        if (Group.DimX < Ways * Ways)
        {
            T few = Four<T, TOperation>(values, first, Ways);
            for (int i = 4 * Ways; i < Group.DimX; i += 4 * Ways)
                few = default(TOperation).Apply(few, Four<T, TOperation>(values, first + i, Ways));
            return few;
        }
        T all = Sixteen<T, TOperation>(values, first, Ways);
        for (int i = Ways * Ways; i < Group.DimX; i += Ways * Ways)
            all = default(TOperation).Apply(all, Sixteen<T, TOperation>(values, first + i, Ways));
        return all;
    }

    private static T Sixteen<T, TOperation>(ArrayView<T> values, int first, int step)
        where T : unmanaged
        where TOperation : struct, IScanReduceOperation<T>
    {
        T a = Four<T, TOperation>(values, first, 4 * step);
        T b = Four<T, TOperation>(values, first + step, 4 * step);
        T c = Four<T, TOperation>(values, first + (2 * step), 4 * step);
        T d = Four<T, TOperation>(values, first + (3 * step), 4 * step);
        return default(TOperation).Apply(default(TOperation).Apply(a, c), default(TOperation).Apply(b, d));
    }

    private static T Four<T, TOperation>(ArrayView<T> values, int first, int step)
        where T : unmanaged
        where TOperation : struct, IScanReduceOperation<T>
    {
        T a = values[first];
        T b = values[first + step];
        T c = values[first + (2 * step)];
        T d = values[first + (3 * step)];
        return default(TOperation).Apply(default(TOperation).Apply(a, c), default(TOperation).Apply(b, d));
    }
}
