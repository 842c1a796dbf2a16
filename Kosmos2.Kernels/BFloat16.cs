namespace Kosmos2.Kernels;

/// <summary>Between F32 and <see cref="DType.BF16"/>, its upper half.</summary>
public static class BFloat16
{
    /// <summary>The bits of the nearest bfloat16, ties to even: just under half of the last kept place is added, or half of it when that place is odd, and the rest cut.</summary>
    /// <param name="value">A number; one above the largest bfloat16 becomes infinite.</param>
    public static ushort ToBits(float value) => Round(BitConverter.SingleToUInt32Bits(value));

    /// <summary>As <see cref="ToBits"/>, of a float's bits.</summary>
    internal static ushort Round(uint bits)
    {
        // A NaN keeps a bit of its payload: rounding might carry it into infinity.
        bool isNaN = (bits & 0x7FFFFFFF) > 0x7F800000;
        return isNaN ? (ushort)((bits >> 16) | 1) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>The number that bits stand for.</summary>
    public static float FromBits(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
