using ILGPU;

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

/// <summary>Integers of 8 bits, (q - zero) * scale.</summary>
internal readonly struct Int8View(ArrayView<sbyte> elements, ScaleViews scales) : IWeightView
{
    private readonly ArrayView<sbyte> _elements = elements;
    private readonly ScaleViews _scales = scales;

    public int WordsShift => 4;

    public bool HasWholeWords(int width) => ((width | _scales.GroupSize) & 15) == 0;

    public bool HasWholeFours(int width) => ((width | _scales.GroupSize) & 3) == 0;

    public float Read(int index)
    {
        int row = index / _scales.Width;
        int place = _scales.PlaceOf(row, index - (row * _scales.Width));
        return (_elements[index] - _scales.Zero(place)) * _scales.Scales[place];
    }

    public Quad ReadFour(int index, int row)
    {
        int place = _scales.PlaceOf(row, index - (row * _scales.Width));
        int word = _elements.SubView(index, sizeof(int)).Cast<int>()[0];
        return Four(word, _scales.Zero(place)).Times(_scales.Scales[place]);
    }

    public Words Load(int index, int ahead) => Words.Load(_elements, index, ahead, 16);

    public float Dot(Words words, int index, int row, LaneInputs inputs)
    {
        int place = _scales.PlaceOf(row, index - (row * _scales.Width));
        int zero = _scales.Zero(place);
        float sum = inputs.Dot(0, Four(words.First, zero), Four(words.Second, zero));
        sum += inputs.Dot(2, Four(words.Third, zero), Four(words.Fourth, zero));
        return sum * _scales.Scales[place];
    }

    private static Quad Four(int word, int zero) =>
        new((word << 24 >> 24) - zero, (word << 16 >> 24) - zero, (word << 8 >> 24) - zero, (word >> 24) - zero);
}

/// <summary>Integers of 4 bits, (q - 8 - zero) * scale, eight in a word, the lowest first; a row begins with a word.</summary>
internal readonly struct Int4View(ArrayView<int> words, ScaleViews scales) : IWeightView
{
    private const int WordInputs = 8;
    private const int Bits = 4;
    private const int Offset = 8;

    private readonly ArrayView<int> _words = words;
    private readonly ScaleViews _scales = scales;

    public int WordsShift => 5;

    public bool HasWholeWords(int width) => ((width | _scales.GroupSize) & 31) == 0;

    public bool HasWholeFours(int width) => ((width | _scales.GroupSize) & 3) == 0;

    public float Read(int index)
    {
        int row = index / _scales.Width;
        int column = index - (row * _scales.Width);
        int place = _scales.PlaceOf(row, column);
        return ((From(row, column) & 15) - Offset - _scales.Zero(place)) * _scales.Scales[place];
    }

    public Quad ReadFour(int index, int row)
    {
        int column = index - (row * _scales.Width);
        int place = _scales.PlaceOf(row, column);
        return Four(From(row, column), _scales.Zero(place) + Offset).Times(_scales.Scales[place]);
    }

    // Rows of whole words leave none of their own to end in: the words lie as the elements do.
    public Words Load(int index, int ahead) => Words.Load(_words, index / WordInputs, ahead / WordInputs, 4);

    public float Dot(Words words, int index, int row, LaneInputs inputs)
    {
        int place = _scales.PlaceOf(row, index - (row * _scales.Width));
        int zero = _scales.Zero(place) + Offset;
        float sum = Eight(words.First, zero, inputs, 0) + Eight(words.Second, zero, inputs, 2);
        sum += Eight(words.Third, zero, inputs, 4) + Eight(words.Fourth, zero, inputs, 6);
        return sum * _scales.Scales[place];
    }

    // A word with an element of it in the lowest bits.
    private int From(int row, int column) =>
        _words[(row * ((_scales.Width + WordInputs - 1) / WordInputs)) + (column / WordInputs)] >> (column % WordInputs * Bits);

    private static float Eight(int word, int zero, LaneInputs inputs, int four) => inputs.Dot(four, Four(word, zero), Four(word >> (4 * Bits), zero));

    private static Quad Four(int half, int zero) =>
        new((half & 15) - zero, ((half >> Bits) & 15) - zero, ((half >> (2 * Bits)) & 15) - zero, ((half >> (3 * Bits)) & 15) - zero);
}
