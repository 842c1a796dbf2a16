namespace Kosmos2.Kernels.Cpu.Simd;

/// <content>
/// Lanes as 32-bit words of small integers. Loads, stores and broadcasts keep all bits, so the same vectors serve; only exact operations are
/// here, and their results are the same at every width.
/// </content>
internal unsafe partial interface ISimd<TSelf>
{
    /// <summary>Stores the lanes, whole numbers of -127 to 127, as Width bytes.</summary>
    void StoreBytes(sbyte* destination);

    /// <summary>Bytes 0 and 2 of each word, without sign, as two 16-bit integers.</summary>
    static abstract TSelf EvenBytes(TSelf words);

    /// <summary>Bytes 1 and 3 of each word, without sign, as two 16-bit integers.</summary>
    static abstract TSelf OddBytes(TSelf words);

    /// <summary>The lower half of each byte.</summary>
    static abstract TSelf LowNibbles(TSelf words);

    /// <summary>The upper half of each byte.</summary>
    static abstract TSelf HighNibbles(TSelf words);

    /// <summary>sum + a b over the two 16-bit integers of each word, in 32 bits.</summary>
    static abstract TSelf MultiplyAddPairs(TSelf a, TSelf b, TSelf sum);

    /// <summary>
    /// sum + nibbles bytes over the two pairs of bytes of each word, in 16 bits each: eight such sums of values up to 15 and signed bytes of -127 to 127 fit.
    /// </summary>
    static abstract TSelf MultiplyAddNibbles(TSelf nibbles, TSelf bytes, TSelf sum);

    /// <summary>sum + both 16-bit integers of each word, in 32 bits.</summary>
    static abstract TSelf AddPairs(TSelf pairs, TSelf sum);

    /// <summary>Each word, a signed integer, as a float.</summary>
    static abstract TSelf FromIntegers(TSelf words);
}
