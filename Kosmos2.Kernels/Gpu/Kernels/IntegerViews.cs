using ILGPU;
using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Scales and zero points of small integers [out, in]: one of each for every <see cref="GroupSize"/> inputs of a row. Zero points are read if
/// <see cref="HasZeros"/>; <see cref="GroupShift"/> is the binary logarithm of the group's size, or -1 where that is no power of two.
/// </summary>
internal readonly record struct ScaleViews(ArrayView<float> Scales, ArrayView<sbyte> Zeros, int HasZeros, int Width, int GroupSize, int Groups, int GroupShift)
{
    /// <summary>Place of the scale of an element. Where groups are powers of two, as they nearly always are, no division is needed.</summary>
    public int PlaceOf(int row, int column)
    {
        int group = 0;
        if (GroupShift >= 0)
            group = column >> GroupShift;
        else if (Groups > 1)
            group = column / GroupSize;
        return (row * Groups) + group;
    }

    /// <summary>The zero point at a place.</summary>
    public int Zero(int place)
    {
        int zero = 0;
        if (HasZeros != 0)
            zero = Zeros[place];
        return zero;
    }
}

/// <summary>64 bits, loaded at once.</summary>
internal readonly record struct WordPair(int First, int Second);

/// <summary>Integers of 8 bits, (q - zero) * scale.</summary>
internal readonly struct Int8View(ArrayView<sbyte> elements, ScaleViews scales) : IWeightView
{
    private const int PairBytes = 8;

    private readonly ArrayView<sbyte> _elements = elements;
    private readonly ScaleViews _scales = scales;

    public float Read(int index)
    {
        int row = index / _scales.Width;
        int place = _scales.PlaceOf(row, index - (row * _scales.Width));
        return (_elements[index] - _scales.Zero(place)) * _scales.Scales[place];
    }

    public float Dot8(int index, int ahead, int row, ArrayView<float> inputs)
    {
        float sum = 0;
        if ((_scales.GroupSize & (FewRowKernels.LaneInputs - 1)) == 0)
        {
            int at = _scales.PlaceOf(row, index + ahead - (row * _scales.Width));
            int zero = _scales.Zero(at);
            WordPair w = _elements.SubView(index, ahead + PairBytes).SubView(ahead, PairBytes).AsAligned(PairBytes).Cast<WordPair>()[0];
            sum = Dot4(w.First, zero, inputs, 0) + Dot4(w.Second, zero, inputs, 4 * FewRowKernels.Lanes);
            sum *= _scales.Scales[at];
        }
        else
        {
            for (int j = 0; j < FewRowKernels.LaneInputs; j++)
                sum += Read(index + ahead + j) * inputs[j * FewRowKernels.Lanes];
        }
        return sum;
    }

    private static float Dot4(int word, int zero, ArrayView<float> inputs, int place)
    {
        float sum = ((word << 24 >> 24) - zero) * inputs[place];
        sum += ((word << 16 >> 24) - zero) * inputs[place + FewRowKernels.Lanes];
        sum += ((word << 8 >> 24) - zero) * inputs[place + (2 * FewRowKernels.Lanes)];
        return sum + (((word >> 24) - zero) * inputs[place + (3 * FewRowKernels.Lanes)]);
    }
}

/// <summary>Integers of 4 bits, (q - 8 - zero) * scale, eight in a word, the lowest first; a row begins with a word.</summary>
internal readonly struct Int4View(ArrayView<int> words, ScaleViews scales) : IWeightView
{
    private const int WordInputs = 8;
    private const int Bits = 4;
    private const int Offset = 8;

    private readonly ArrayView<int> _words = words;
    private readonly ScaleViews _scales = scales;

    public float Read(int index)
    {
        int row = index / _scales.Width;
        int column = index - (row * _scales.Width);
        int place = _scales.PlaceOf(row, column);
        int word = _words[(row * ((_scales.Width + WordInputs - 1) / WordInputs)) + (column / WordInputs)];
        return (((word >> (column % WordInputs * Bits)) & 15) - Offset - _scales.Zero(place)) * _scales.Scales[place];
    }

    // 8 divides the width wherever this is called, so that rows have no words of their own to end in.
    public float Dot8(int index, int ahead, int row, ArrayView<float> inputs)
    {
        float sum = 0;
        if ((_scales.GroupSize & (WordInputs - 1)) == 0)
        {
            int at = _scales.PlaceOf(row, index + ahead - (row * _scales.Width));
            int zero = _scales.Zero(at) + Offset;
            int word = _words[(index + ahead) / WordInputs];
            for (int j = 0; j < WordInputs; j++)
                sum += (((word >> (j * Bits)) & 15) - zero) * inputs[j * FewRowKernels.Lanes];
            sum *= _scales.Scales[at];
        }
        else
        {
            for (int j = 0; j < WordInputs; j++)
                sum += Read(index + ahead + j) * inputs[j * FewRowKernels.Lanes];
        }
        return sum;
    }
}
