using ILGPU;
using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Keys or values of one layer of a cache, whatever their stored type, laid out as <see cref="KeyValueBlocks.Keys"/> says; a type parameter of kernels, so that
/// each is compiled once for every <see cref="CacheFormat"/>. A part is one head's share of a block, number block * heads + head.
/// </summary>
internal interface ICachedRows
{
    /// <summary>Index of the first element of a slot's row.</summary>
    int Offset(int part, int slot, int headSize);

    /// <summary>What the elements of a slot's row are multiplied by.</summary>
    float Scale(int part, int slot, int headSize);

    /// <summary>An element, without its row's scale.</summary>
    float Read(int index);

    /// <summary>Four elements from an index that 4 divides, loaded at once, without their row's scale; of heads whose size 4 divides.</summary>
    Quad ReadFour(int index);

    /// <summary>Writes one element of a slot's row.</summary>
    /// <param name="part">The part.</param>
    /// <param name="slot">The slot.</param>
    /// <param name="element">Which of the row's.</param>
    /// <param name="x">Holds the row to store.</param>
    /// <param name="start">Where it begins.</param>
    /// <param name="headSize">Its length.</param>
    void Store(int part, int slot, int element, ArrayView<float> x, int start, int headSize);
}

/// <summary><see cref="CacheFormat.Float32"/>.</summary>
internal readonly struct Float32Rows(ArrayView<float> elements) : ICachedRows
{
    private readonly ArrayView<float> _elements = elements;

    public int Offset(int part, int slot, int headSize) => ((part * KeyValueBlocks.BlockSize) + slot) * headSize;

    public float Scale(int part, int slot, int headSize) => 1;

    public float Read(int index) => _elements[index];

    public Quad ReadFour(int index) => Quad.LoadWide(_elements, index);

    public void Store(int part, int slot, int element, ArrayView<float> x, int start, int headSize) =>
        _elements[Offset(part, slot, headSize) + element] = x[start + element];
}

/// <summary><see cref="CacheFormat.BFloat16"/>.</summary>
internal readonly struct BFloat16Rows(ArrayView<ushort> elements) : ICachedRows
{
    private readonly ArrayView<ushort> _elements = elements;

    public int Offset(int part, int slot, int headSize) => ((part * KeyValueBlocks.BlockSize) + slot) * headSize;

    public float Scale(int part, int slot, int headSize) => 1;

    public float Read(int index) => BFloat16Pair.Low(_elements[index]);

    public Quad ReadFour(int index)
    {
        WordPair pair = _elements.SubView(index, 4).AsAligned(4 * sizeof(ushort)).Cast<WordPair>()[0];
        return BFloat16Pair.Four(pair.First, pair.Second);
    }

    public void Store(int part, int slot, int element, ArrayView<float> x, int start, int headSize) =>
        _elements[Offset(part, slot, headSize) + element] = BFloat16.Round(Interop.FloatAsInt(x[start + element]));

    /// <summary>64 bits, loaded at once.</summary>
    private readonly record struct WordPair(int First, int Second);
}

/// <summary><see cref="CacheFormat.Int8"/>: a part is [BlockSize] scales, then [BlockSize, headSize] integers. Both views begin with the first part.</summary>
internal readonly struct Int8Rows(ArrayView<sbyte> bytes, ArrayView<float> words) : ICachedRows
{
    private const int Largest = 127;

    private readonly ArrayView<sbyte> _bytes = bytes;
    private readonly ArrayView<float> _words = words;

    public int Offset(int part, int slot, int headSize) =>
        (part * KeyValueBlocks.BlockSize * (sizeof(float) + headSize)) + (KeyValueBlocks.BlockSize * sizeof(float)) + (slot * headSize);

    public float Scale(int part, int slot, int headSize) => _words[ScalePlace(part, slot, headSize)];

    public float Read(int index) => _bytes[index];

    public Quad ReadFour(int index)
    {
        int word = _bytes.SubView(index, 4).AsAligned(sizeof(int)).Cast<int>()[0];
        return new Quad(word << 24 >> 24, word << 16 >> 24, word << 8 >> 24, word >> 24);
    }

    // Each element's thread looks at the whole row, which its neighbours read with it; so the largest needs no meeting.
    public void Store(int part, int slot, int element, ArrayView<float> x, int start, int headSize)
    {
        float scale = Magnitude(x, start, headSize) / Largest;
        if (element == 0)
            _words[ScalePlace(part, slot, headSize)] = scale;
        _bytes[Offset(part, slot, headSize) + element] = Round(x[start + element] / scale);
    }

    private static int ScalePlace(int part, int slot, int headSize) => (part * (KeyValueBlocks.BlockSize / sizeof(float)) * (sizeof(float) + headSize)) + slot;

    // Without their signs, the bits of floats are in the floats' order, and NaN is above all.
    private static float Magnitude(ArrayView<float> x, int start, int count)
    {
        int largest = 0;
        for (int i = 0; i < count; i++)
        {
            int bits = (int)(Interop.FloatAsInt(x[start + i]) & 0x7fffffff);
            largest = bits > largest ? bits : largest;
        }
        return Interop.IntAsFloat((uint)largest);
    }

    // Ties to even, as an addition rounds whose last place is 1: the sum's lowest bits are the integer.
    private static sbyte Round(float quotient)
    {
        const float OneIsLastPlace = 1.5f * (1 << 23);
        if (float.IsNaN(quotient))
            return 0;
        float within = quotient > Largest ? Largest : quotient < -Largest ? -Largest : quotient;
        return (sbyte)Interop.FloatAsInt(within + OneIsLastPlace);
    }
}
