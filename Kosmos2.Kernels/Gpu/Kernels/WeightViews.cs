using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// A weight's elements as floats, whatever their stored type; a type parameter of kernels, so that each is compiled once for every stored
/// type. Sixteen-bit elements are widened with integer operations: no device needs half-precision arithmetic.
/// </summary>
internal interface IWeightView
{
    float Read(int index);
}

/// <summary>F32 as it is.</summary>
internal readonly struct FloatView(ArrayView<float> elements) : IWeightView
{
    private readonly ArrayView<float> _elements = elements;

    public float Read(int index) => _elements[index];
}

/// <summary>BF16: the upper half of a float.</summary>
internal readonly struct BFloat16View(ArrayView<ushort> elements) : IWeightView
{
    private readonly ArrayView<ushort> _elements = elements;

    public float Read(int index) => Interop.IntAsFloat((uint)_elements[index] << 16);
}

/// <summary>F16: 1 sign, 5 exponent and 10 fraction bits.</summary>
internal readonly struct HalfView(ArrayView<ushort> elements) : IWeightView
{
    private readonly ArrayView<ushort> _elements = elements;

    public float Read(int index)
    {
        uint bits = _elements[index];
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
