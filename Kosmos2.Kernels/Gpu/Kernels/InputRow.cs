using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// One row of an input that a group reads, normalised where that is asked for. What a thread brings first is in its registers from the
/// beginning: the loads of the row, of the norm's weight and of its bias wait for memory together. What a longer row has beyond is read again.
/// </summary>
internal readonly struct InputRow
{
    private readonly ArrayView<float> _x;
    private readonly int _start;
    private readonly NormViews _norm;
    private readonly bool _hasNorm;
    private readonly Octet _first;
    private readonly Octet _weight;
    private readonly Octet _bias;
    private readonly float _mean;
    private readonly float _factor;

    /// <summary>Every thread of a group must call: all work out the norm together.</summary>
    /// <param name="x">Holds the row.</param>
    /// <param name="start">Where it begins.</param>
    /// <param name="width">Its length.</param>
    /// <param name="norm">Counts if <paramref name="hasNorm"/>; else any buffers of this length.</param>
    /// <param name="hasNorm">Whether the row is to be normalised.</param>
    /// <param name="shared">One float a thread.</param>
    public InputRow(ArrayView<float> x, int start, int width, NormViews norm, bool hasNorm, ArrayView<float> shared)
    {
        _x = x;
        _start = start;
        _norm = norm;
        _hasNorm = hasNorm;
        int thread = Group.IdxX;
        int step = Group.DimX;
        _first = Octet.Load(x, start, thread, step, width);
        _weight = Octet.Load(norm.Weight, 0, thread, step, width);
        _bias = Octet.Load(norm.Bias, 0, thread, step, width);

        // Also of a row that is not normalised: barriers under a condition double the code on devices that run a group's threads one after another.
        float sum = _first.Sum(thread, step, width);
        for (int i = thread + Turn; i < width; i += Turn)
            sum += Octet.Load(x, start, i, step, width).Sum(i, step, width);
        _mean = GroupReduction.Sum(shared, sum) / width;

        float squares = _first.SquaredDistance(_mean).Sum(thread, step, width);
        for (int i = thread + Turn; i < width; i += Turn)
            squares += Octet.Load(x, start, i, step, width).SquaredDistance(_mean).Sum(i, step, width);
        _factor = 1 / XMath.Sqrt((GroupReduction.Sum(shared, squares) / width) + norm.Epsilon);
    }

    // Elements that a group brings at a time.
    private static int Turn => Octet.Count * Group.DimX;

    /// <summary>Writes this thread's share of the row's first elements, with what it brought first.</summary>
    /// <param name="count">How many elements.</param>
    /// <param name="to">Where they go; it may be where the row comes from.</param>
    /// <param name="at">Place of the first there.</param>
    public void Store<TRows>(int count, TRows to, int at)
        where TRows : struct, IResultRows
    {
        Result(_first, _weight, _bias).Store(to, at, Group.IdxX, Group.DimX, count);
        Store(Group.IdxX + Turn, 0, count, to, at);
    }

    /// <summary>The same for the elements from another one on, all of which are read again: nothing has to stay in registers until then.</summary>
    public void StoreFrom<TRows>(int from, int count, TRows to, int at)
        where TRows : struct, IResultRows => Store(Group.IdxX, from, count, to, at);

    private void Store<TRows>(int i, int from, int count, TRows to, int at)
        where TRows : struct, IResultRows
    {
        int step = Group.DimX;
        for (; i < count; i += Turn)
        {
            Octet x = Octet.Load(_x, _start + from, i, step, count);
            Result(x, Octet.Load(_norm.Weight, from, i, step, count), Octet.Load(_norm.Bias, from, i, step, count)).Store(to, at, i, step, count);
        }
    }

    private Octet Result(Octet x, Octet weight, Octet bias) => _hasNorm ? x.Normalized(_mean, _factor, weight, bias) : x;
}
