namespace Kosmos2.Kernels.Cpu.Simd;

/// <content>
/// Lanes as 32-bit words of small integers. Loads, stores and broadcasts keep all bits, so the same vectors serve; only exact operations are
/// here, and their results are the same at every width.
/// </content>
internal unsafe partial interface ISimd<TSelf>
{
    /// <summary>Stores the lanes, whole numbers of -127 to 127, as Width bytes.</summary>
    void StoreBytes(sbyte* destination);

    /// <summary>The lower half of each byte.</summary>
    static abstract TSelf LowNibbles(TSelf words);

    /// <summary>The upper half of each byte.</summary>
    static abstract TSelf HighNibbles(TSelf words);

    /// <summary>The lower half of each word, a bfloat16, as a float.</summary>
    static abstract TSelf LowBFloat16s(TSelf words);

    /// <summary>The upper half of each word, a bfloat16, as a float.</summary>
    static abstract TSelf HighBFloat16s(TSelf words);

    /// <summary>
    /// sum + weights bytes over the two pairs of bytes of each word, unsigned times signed, in 16 bits each, in which a pair's sum must fit: eight sums of weights up to 15 and bytes of -127 to 127 do.
    /// </summary>
    static abstract TSelf MultiplyAddBytes(TSelf weights, TSelf bytes, TSelf sum);

    /// <summary>sum + both 16-bit integers of each word, in 32 bits.</summary>
    static abstract TSelf AddPairs(TSelf pairs, TSelf sum);

    /// <summary>Each word, a signed integer, as a float.</summary>
    static abstract TSelf FromIntegers(TSelf words);
}
