using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Where a kernel writes rows: as they are, or rounded to nearest for a product on tensor cores. A type parameter of kernels.</summary>
internal interface IResultRows
{
    void Store(int index, float value);
}

/// <summary>F32.</summary>
internal readonly struct FloatResult(ArrayView<float> elements) : IResultRows
{
    private readonly ArrayView<float> _elements = elements;

    public void Store(int index, float value) => _elements[index] = value;
}

/// <summary>BF16.</summary>
internal readonly struct BFloat16Result(ArrayView<ushort> elements) : IResultRows
{
    private readonly ArrayView<ushort> _elements = elements;

    public void Store(int index, float value) => _elements[index] = BFloat16.Round(Interop.FloatAsInt(value));
}

/// <summary>F16, by integer operations: no device needs half-precision arithmetic.</summary>
internal readonly struct HalfResult(ArrayView<ushort> elements) : IResultRows
{
    private readonly ArrayView<ushort> _elements = elements;

    public void Store(int index, float value) => _elements[index] = Round(Interop.FloatAsInt(value));

    /// <summary>The bits of the nearest half, ties to even, from a float's.</summary>
    internal static ushort Round(uint bits)
    {
        uint sign = (bits >> 16) & 0x8000;
        uint magnitude = bits & 0x7fff_ffff;
        if (magnitude > 0x7f80_0000)
            return (ushort)(sign | 0x7e00);
        // 65520 and more, half of the last place beyond the largest half, become infinite.
        if (magnitude >= 0x477f_f000)
            return (ushort)(sign | 0x7c00);
        // Below 2^-14 a half counts in 2^-24, which is the last place of floats from 0.5 to below 1: the addition rounds.
        if (magnitude < 0x3880_0000)
            return (ushort)(sign | (Interop.FloatAsInt(Interop.IntAsFloat(magnitude) + 0.5f) - 0x3f00_0000));
        // The exponent's bias shrinks from 127 to 15.
        return (ushort)(sign | ((magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13));
    }
}
