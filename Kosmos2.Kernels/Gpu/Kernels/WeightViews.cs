using ILGPU;
using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// A weight's elements as floats, whatever their stored type; a type parameter of kernels, so that each is compiled once for every stored
/// type. Sixteen-bit elements are widened with integer operations: no device needs half-precision arithmetic.
/// </summary>
internal interface IWeightView
{
    float Read(int index);

    /// <summary>
    /// Sum over j of element index + ahead + j times inputs[j * <see cref="FewRowKernels.Lanes"/>], for the 8 elements from an index that 8 divides: they are
    /// loaded 128 bits at a time.
    /// </summary>
    /// <param name="index">Where a lane is.</param>
    /// <param name="ahead">A constant distance from there, which costs no instructions and no register.</param>
    /// <param name="row">The row that they lie in, which is dear to find again.</param>
    /// <param name="inputs">From the first one's on.</param>
    float Dot8(int index, int ahead, int row, ArrayView<float> inputs);
}

/// <summary>128 bits, loaded at once.</summary>
internal readonly record struct Words(int First, int Second, int Third, int Fourth)
{
    private const int Bytes = 16;

    /// <summary>The words from element index + ahead, whose offset in bytes 16 divides; so does a buffer's address.</summary>
    public static Words Load<T>(ArrayView<T> elements, int index, int ahead, int count)
        where T : unmanaged => elements.SubView(index, ahead + count).SubView(ahead, count).AsAligned(Bytes).Cast<Words>()[0];
}

/// <summary>F32 as it is.</summary>
internal readonly struct FloatView(ArrayView<float> elements) : IWeightView
{
    private readonly ArrayView<float> _elements = elements;

    public float Read(int index) => _elements[index];

    public float Dot8(int index, int ahead, int row, ArrayView<float> inputs) =>
        Dot4(Words.Load(_elements, index, ahead, 4), inputs, 0) + Dot4(Words.Load(_elements, index, ahead + 4, 4), inputs, 4 * FewRowKernels.Lanes);

    private static float Dot4(Words w, ArrayView<float> inputs, int place)
    {
        float sum = Interop.IntAsFloat((uint)w.First) * inputs[place];
        sum += Interop.IntAsFloat((uint)w.Second) * inputs[place + FewRowKernels.Lanes];
        sum += Interop.IntAsFloat((uint)w.Third) * inputs[place + (2 * FewRowKernels.Lanes)];
        return sum + (Interop.IntAsFloat((uint)w.Fourth) * inputs[place + (3 * FewRowKernels.Lanes)]);
    }
}

/// <summary>BF16: the upper half of a float.</summary>
internal readonly struct BFloat16View(ArrayView<ushort> elements) : IWeightView
{
    private readonly ArrayView<ushort> _elements = elements;

    public float Read(int index) => Interop.IntAsFloat((uint)_elements[index] << 16);

    public float Dot8(int index, int ahead, int row, ArrayView<float> inputs)
    {
        Words w = Words.Load(_elements, index, ahead, 8);
        float low = Dot2(w.First, inputs, 0) + Dot2(w.Second, inputs, 2 * FewRowKernels.Lanes);
        float high = Dot2(w.Third, inputs, 4 * FewRowKernels.Lanes) + Dot2(w.Fourth, inputs, 6 * FewRowKernels.Lanes);
        return low + high;
    }

    private static float Dot2(int pair, ArrayView<float> inputs, int place) =>
        (Interop.IntAsFloat((uint)pair << 16) * inputs[place]) + (Interop.IntAsFloat((uint)pair & 0xffff0000) * inputs[place + FewRowKernels.Lanes]);
}

/// <summary>F16: 1 sign, 5 exponent and 10 fraction bits.</summary>
internal readonly struct HalfView(ArrayView<ushort> elements) : IWeightView
{
    private readonly ArrayView<ushort> _elements = elements;

    public float Read(int index) => Widen(_elements[index]);

    public float Dot8(int index, int ahead, int row, ArrayView<float> inputs)
    {
        Words w = Words.Load(_elements, index, ahead, 8);
        float low = Dot2(w.First, inputs, 0) + Dot2(w.Second, inputs, 2 * FewRowKernels.Lanes);
        float high = Dot2(w.Third, inputs, 4 * FewRowKernels.Lanes) + Dot2(w.Fourth, inputs, 6 * FewRowKernels.Lanes);
        return low + high;
    }

    private static float Dot2(int pair, ArrayView<float> inputs, int place) =>
        (Widen((uint)pair & 0xffff) * inputs[place]) + (Widen((uint)pair >> 16) * inputs[place + FewRowKernels.Lanes]);

    private static float Widen(uint bits)
    {
        uint sign = (bits & 0x8000) << 16;
        uint magnitude = bits & 0x7fff;
        // A subnormal half is its fraction times 2^-24, a normal float. (int), since C# converts unsigned integers by way of a double.
        if (magnitude < 0x0400)
            return Interop.IntAsFloat(Interop.FloatAsInt((int)magnitude * 5.9604644775390625e-8f) | sign);
        // The exponent's bias grows from 15 to 127; infinity and NaN keep an exponent of ones.
        uint bias = magnitude >= 0x7c00 ? 224u << 23 : 112u << 23;
        return Interop.IntAsFloat(((magnitude << 13) + bias) | sign);
    }
}
