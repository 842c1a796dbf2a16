using ILGPU;

namespace Kosmos2.Kernels;

/// <summary>
/// A token and its score as one number that orders by the score, equal ones by the id; 0 for a token that cannot come. Weights are integers, so that their
/// sums are the same in every order. Serves the CPU and, translated by ILGPU, GPUs.
/// </summary>
internal static class TokenEntry
{
    // Sums over 2^19 tokens fit 64 bits; a token that is 2^45 times less likely than the likeliest counts for nothing.
    private const float One = 1L << 45;

    /// <summary>An entry.</summary>
    /// <param name="logit">A NaN is taken for minus infinity.</param>
    /// <param name="token">Its id.</param>
    /// <param name="penalty">The choice's penalty where the token is penalised, otherwise 1.</param>
    /// <param name="temperature">The choice's.</param>
    public static ulong Of(float logit, int token, float penalty, float temperature) => Of(Penalised(logit, penalty) / temperature, token);

    /// <summary>An entry of a score; 0 for a NaN and for minus infinity.</summary>
    public static ulong Of(float score, int token) =>
        float.IsNaN(score) || score == float.NegativeInfinity ? 0 : ((ulong)Key(score) << 32) | (uint)token;

    /// <summary>A logit less likely, by a penalty above 0; 1 leaves it.</summary>
    public static float Penalised(float logit, float penalty) => logit < 0 ? logit * penalty : logit / penalty;

    /// <summary>A number that orders by the logit, equal ones by the id from the last to the first, and is never 0.</summary>
    /// <param name="logit">A NaN is taken for minus infinity.</param>
    /// <param name="token">Its id.</param>
    public static ulong Likeliest(float logit, int token) =>
        ((ulong)Key(float.IsNaN(logit) ? float.NegativeInfinity : logit) << 32) | ~(uint)token;

    /// <summary>The id in such a number.</summary>
    public static int TokenOfLikeliest(ulong entry) => (int)~(uint)entry;

    /// <summary>An entry's score.</summary>
    public static float Score(ulong entry)
    {
        uint key = (uint)(entry >> 32);
        return Interop.IntAsFloat((key & 0x8000_0000) != 0 ? key & 0x7FFF_FFFF : ~key);
    }

    // The bits of a float order as the number does once a negative one's are inverted and a positive one's sign is set; the zeros are equal.
    private static uint Key(float score)
    {
        uint bits = Interop.FloatAsInt(score);
        return score == 0 ? 0x8000_0000 : bits ^ ((uint)((int)bits >> 31) | 0x8000_0000);
    }

    /// <summary>exp(score - largest) as a weight.</summary>
    /// <param name="share">That number, from 0 to 1.</param>
    public static ulong Weight(float share) => (ulong)(share * One);

    /// <summary>A fraction of a sum of weights, rounded down.</summary>
    /// <param name="sum">The sum.</param>
    /// <param name="fraction">In 2^-32.</param>
    public static ulong Part(ulong sum, uint fraction) => ((sum >> 32) * fraction) + (((sum & uint.MaxValue) * fraction) >> 32);
}
