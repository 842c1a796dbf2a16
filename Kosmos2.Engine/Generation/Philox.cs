namespace Kosmos2.Engine.Generation;

/// <summary>
/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter-based generator. A block of random bits is a
/// pure function of a key and a counter, so a draw can be named instead of taken in turn.
/// </summary>
internal static class Philox
{
    /// <summary>128 random bits.</summary>
    /// <param name="key">64 bits.</param>
    /// <param name="low">Lower half of the counter.</param>
    /// <param name="high">Upper half of the counter.</param>
    public static (ulong Low, ulong High) Block(ulong key, ulong low, ulong high)
    {
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        uint c0 = (uint)low, c1 = (uint)(low >> 32), c2 = (uint)high, c3 = (uint)(high >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * c0;
            ulong p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9; // the golden ratio
            k1 += 0xBB67AE85; // sqrt(3) - 1
        }
        return (((ulong)c1 << 32) | c0, ((ulong)c3 << 32) | c2);
    }

    /// <summary>A number from 0 to below 1 with 53 random bits.</summary>
    public static double Uniform(ulong key, ulong low, ulong high) => (Block(key, low, high).Low >> 11) * (1.0 / (1L << 53));
}

/// <summary>What a sequence's random numbers depend on, besides the step: nothing else.</summary>
/// <param name="Seed">The call's seed.</param>
/// <param name="Sequence">The sequence's number.</param>
internal readonly record struct RandomKey(ulong Seed, ulong Sequence)
{
    /// <summary>The key of the sequence so many places on.</summary>
    public RandomKey Of(int index) => this with { Sequence = unchecked(Sequence + (ulong)index) };

    /// <summary>A number from 0 to below 1.</summary>
    /// <param name="step">New tokens before the one that is drawn.</param>
    /// <param name="draw">Draws of that step before this one.</param>
    public double Uniform(int step, int draw) => Philox.Uniform(Seed, ((ulong)(uint)draw << 32) | (uint)step, Sequence);
}
