using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// One row of an input, normalised where that is asked for, on its way to a group's shared memory. What a thread brings first is in its registers from the
/// beginning: the loads of the row, of the norm's weight and of its bias wait for memory together.
/// </summary>
internal readonly struct StagedRow
{
    private readonly ArrayView<float> _x;
    private readonly int _start;
    private readonly int _width;
    private readonly NormViews _norm;
    private readonly bool _hasNorm;
    private readonly Quad _first;
    private readonly Quad _firstWeight;
    private readonly Quad _firstBias;
    private readonly float _mean;
    private readonly float _factor;

    /// <summary>Every thread of a group must call: all work out the norm together.</summary>
    /// <param name="x">Holds the row.</param>
    /// <param name="start">Where it begins.</param>
    /// <param name="width">Its length.</param>
    /// <param name="norm">Read if <paramref name="hasNorm"/>.</param>
    /// <param name="hasNorm">Whether the row is to be normalised.</param>
    /// <param name="shared">One float a thread.</param>
    public StagedRow(ArrayView<float> x, int start, int width, NormViews norm, bool hasNorm, ArrayView<float> shared)
    {
        _x = x;
        _start = start;
        _width = width;
        _norm = norm;
        _hasNorm = hasNorm;
        _first = Strided(x, start, Group.IdxX, width);
        _firstWeight = default;
        _firstBias = default;
        if (hasNorm)
        {
            _firstWeight = Strided(norm.Weight, 0, Group.IdxX, width);
            _firstBias = Strided(norm.Bias, 0, Group.IdxX, width);
        }
        // Also of a row that is not normalised: barriers under a condition double the code on devices that run a group's threads one after another.
        float part = _first.Sum;
        for (int i = Group.IdxX + Turn; i < width; i += Turn)
            part += Strided(x, start, i, width).Sum;
        _mean = GroupReduction.Sum(shared, part) / width;

        part = Squares(_first, Group.IdxX, width, _mean);
        for (int i = Group.IdxX + Turn; i < width; i += Turn)
            part += Squares(Strided(x, start, i, width), i, width, _mean);
        _factor = 1 / XMath.Sqrt((GroupReduction.Sum(shared, part) / width) + norm.Epsilon);
    }

    // Inputs that a group brings at a time.
    private static int Turn => 4 * Group.DimX;

    /// <summary>This thread's share of some inputs.</summary>
    /// <param name="from">The first of them, a multiple of <see cref="Turn"/> or 0.</param>
    /// <param name="count">How many.</param>
    /// <param name="inputs">Where they go.</param>
    /// <param name="places">Where each of them.</param>
    public void Store(int from, int count, ArrayView<float> inputs, InputPlaces places)
    {
        int i = Group.IdxX;
        if (from == 0)
        {
            Store(_first, _firstWeight, _firstBias, i, count, inputs, places);
            i += Turn;
        }
        for (; i < count; i += Turn)
        {
            Quad weight = default;
            Quad bias = default;
            if (_hasNorm)
            {
                weight = Strided(_norm.Weight, 0, from + i, _width);
                bias = Strided(_norm.Bias, 0, from + i, _width);
            }
            Store(Strided(_x, _start, from + i, _width), weight, bias, i, count, inputs, places);
        }
    }

    private void Store(Quad x, Quad weight, Quad bias, int i, int count, ArrayView<float> inputs, InputPlaces places)
    {
        int step = Group.DimX;
        if (i < count)
            inputs[places.Of(i)] = Normalised(x.A, weight.A, bias.A);
        if (i + step < count)
            inputs[places.Of(i + step)] = Normalised(x.B, weight.B, bias.B);
        if (i + (2 * step) < count)
            inputs[places.Of(i + (2 * step))] = Normalised(x.C, weight.C, bias.C);
        if (i + (3 * step) < count)
            inputs[places.Of(i + (3 * step))] = Normalised(x.D, weight.D, bias.D);
    }

    private float Normalised(float x, float weight, float bias) => _hasNorm ? ((x - _mean) * _factor * weight) + bias : x;

    /// <summary>Elements i, i + group's size, ...: neighbouring threads read neighbours. 0 for those that the row does not have.</summary>
    private static Quad Strided(ArrayView<float> row, int start, int i, int width)
    {
        int step = Group.DimX;
        int at = start + i;
        if (i + (3 * step) < width)
            return new Quad(row[at], row[at + step], row[at + (2 * step)], row[at + (3 * step)]);
        return new Quad(
            i < width ? row[at] : 0, i + step < width ? row[at + step] : 0, i + (2 * step) < width ? row[at + (2 * step)] : 0, 0);
    }

    private static float Squares(Quad x, int i, int width, float mean)
    {
        int step = Group.DimX;
        return Square(x.A - mean, i < width) + Square(x.B - mean, i + step < width)
            + (Square(x.C - mean, i + (2 * step) < width) + Square(x.D - mean, i + (3 * step) < width));
    }

    private static float Square(float difference, bool counts) => counts ? difference * difference : 0;
}
