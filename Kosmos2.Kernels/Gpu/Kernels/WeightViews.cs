using ILGPU;
using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// A weight's elements as floats, whatever their stored type; a type parameter of kernels, so that each is compiled once for every stored
/// type. Sixteen-bit elements are widened with integer operations: no device needs half-precision arithmetic.
/// </summary>
internal interface IWeightView
{
    /// <summary>Binary logarithm of the number of elements in 128 bits.</summary>
    int WordsShift { get; }

    /// <summary>Whether 128 bits, from any place that their number of elements divides, hold elements of one row with one scale.</summary>
    /// <param name="width">Of a row.</param>
    bool HasWholeWords(int width);

    /// <summary>Whether each four elements, from any place that four divides, are of one row and have one scale.</summary>
    /// <param name="width">Of a row.</param>
    bool HasWholeFours(int width);

    float Read(int index);

    /// <summary>Four elements of a weight that <see cref="HasWholeFours"/>, loaded at once.</summary>
    /// <param name="index">From which on.</param>
    /// <param name="row">The row that they lie in.</param>
    Quad ReadFour(int index, int row);

    /// <summary>The 128 bits from element index + ahead on, of a weight that <see cref="HasWholeWords"/>.</summary>
    /// <param name="index">Where a lane is.</param>
    /// <param name="ahead">A constant distance from there, which costs no instructions and no register.</param>
    Words Load(int index, int ahead);

    /// <summary>Sum over the elements in 128 bits of each times its input.</summary>
    /// <param name="words">What <see cref="Load"/> gave.</param>
    /// <param name="index">From which element.</param>
    /// <param name="row">The row that they lie in, which is dear to find again.</param>
    /// <param name="inputs">Their inputs.</param>
    float Dot(Words words, int index, int row, LaneInputs inputs);
}

/// <summary>128 bits, loaded at once.</summary>
internal readonly record struct Words(int First, int Second, int Third, int Fourth)
{
    private const int Bytes = 16;

    /// <summary>The words from element index + ahead, whose offset in bytes 16 divides; so does a buffer's address.</summary>
    public static Words Load<T>(ArrayView<T> elements, int index, int ahead, int count)
        where T : unmanaged => elements.SubView(index, ahead + count).SubView(ahead, count).AsAligned(Bytes).Cast<Words>()[0];
}

/// <summary>64 bits, loaded at once.</summary>
internal readonly record struct WordPair(int First, int Second)
{
    private const int Bytes = 8;

    /// <summary>The words from an element on, whose offset in bytes 8 divides.</summary>
    public static WordPair Load(ArrayView<ushort> elements, int index) => elements.SubView(index, 4).AsAligned(Bytes).Cast<WordPair>()[0];
}

/// <summary>F32 as it is.</summary>
internal readonly struct FloatView(ArrayView<float> elements) : IWeightView
{
    private readonly ArrayView<float> _elements = elements;

    public int WordsShift => 2;

    public bool HasWholeWords(int width) => (width & 3) == 0;

    public bool HasWholeFours(int width) => (width & 3) == 0;

    public float Read(int index) => _elements[index];

    public Quad ReadFour(int index, int row) => Quad.LoadWide(_elements, index);

    public Words Load(int index, int ahead) => Words.Load(_elements, index, ahead, 4);

    public float Dot(Words words, int index, int row, LaneInputs inputs) => inputs.Dot(
        0,
        new Quad(
            Interop.IntAsFloat((uint)words.First), Interop.IntAsFloat((uint)words.Second), Interop.IntAsFloat((uint)words.Third), Interop.IntAsFloat((uint)words.Fourth)));
}

/// <summary>BF16: the upper half of a float.</summary>
internal readonly struct BFloat16View(ArrayView<ushort> elements) : IWeightView
{
    private readonly ArrayView<ushort> _elements = elements;

    public int WordsShift => 3;

    public bool HasWholeWords(int width) => (width & 7) == 0;

    public bool HasWholeFours(int width) => (width & 3) == 0;

    public float Read(int index) => BFloat16Pair.Low(_elements[index]);

    public Quad ReadFour(int index, int row)
    {
        WordPair words = WordPair.Load(_elements, index);
        return BFloat16Pair.Four(words.First, words.Second);
    }

    public Words Load(int index, int ahead) => Words.Load(_elements, index, ahead, 8);

    public float Dot(Words words, int index, int row, LaneInputs inputs) =>
        inputs.Dot(0, BFloat16Pair.Four(words.First, words.Second), BFloat16Pair.Four(words.Third, words.Fourth));
}

/// <summary>F16: 1 sign, 5 exponent and 10 fraction bits.</summary>
internal readonly struct HalfView(ArrayView<ushort> elements) : IWeightView
{
    private readonly ArrayView<ushort> _elements = elements;

    public int WordsShift => 3;

    public bool HasWholeWords(int width) => (width & 7) == 0;

    public bool HasWholeFours(int width) => (width & 3) == 0;

    public float Read(int index) => Widen(_elements[index]);

    public Quad ReadFour(int index, int row)
    {
        WordPair words = WordPair.Load(_elements, index);
        return Four(words.First, words.Second);
    }

    public Words Load(int index, int ahead) => Words.Load(_elements, index, ahead, 8);

    public float Dot(Words words, int index, int row, LaneInputs inputs) =>
        inputs.Dot(0, Four(words.First, words.Second), Four(words.Third, words.Fourth));

    private static Quad Four(int low, int high) =>
        new(Widen((uint)low & 0xffff), Widen((uint)low >> 16), Widen((uint)high & 0xffff), Widen((uint)high >> 16));

    // Without a branch: eight of them are worked out side by side.
    private static float Widen(uint bits)
    {
        uint sign = (bits & 0x8000) << 16;
        uint magnitude = bits & 0x7fff;
        uint fraction = magnitude << 13;
        // The exponent's bias grows from 15 to 127; infinity and NaN keep an exponent of ones.
        float normal = Interop.IntAsFloat(fraction + (magnitude >= 0x7c00 ? 224u << 23 : 112u << 23));
        // A subnormal half counts in 2^-24: here in 2^-10 above 1, so that no device flushes it.
        float subnormal = (Interop.IntAsFloat(0x3f80_0000 | fraction) - 1) * 6.103515625e-5f;
        return Interop.IntAsFloat(Interop.FloatAsInt(magnitude < 0x0400 ? subnormal : normal) | sign);
    }
}
