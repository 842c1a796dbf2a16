using Kosmos2.Kernels.Cpu.Mathematics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>softmax(logits)[token]: sums of blocks in single precision, added up in double.</summary>
internal static unsafe class TokenProbability
{
    private const int Block = 1024;

    /// <summary>A token's probability; NaN where a logit is NaN or the largest is infinite.</summary>
    public static float Of<S>(float* logits, int vocabulary, int token)
        where S : unmanaged, ISimd<S>
    {
        float largest = Largest<S>(logits, vocabulary);
        double sum = 0;
        for (int start = 0; start < vocabulary; start += Block)
            sum += SumOf<S>(logits + start, Math.Min(Block, vocabulary - start), largest);
        return (float)(Math.Exp((double)logits[token] - largest) / sum);
    }

    // A NaN shows in the sum.
    private static float Largest<S>(float* logits, int vocabulary)
        where S : unmanaged, ISimd<S>
    {
        S lanes = S.Broadcast(float.NegativeInfinity);
        int t = 0;
        for (; t <= vocabulary - S.Width; t += S.Width)
            lanes = S.Max(S.Load(logits + t), lanes);
        float largest = S.MaxLane(lanes);
        for (; t < vocabulary; t++)
            largest = logits[t] > largest ? logits[t] : largest;
        return largest;
    }

    private static float SumOf<S>(float* logits, int count, float largest)
        where S : unmanaged, ISimd<S>
    {
        S shift = S.Broadcast(largest), lanes = S.Broadcast(0);
        int t = 0;
        for (; t <= count - S.Width; t += S.Width)
            lanes += Exponential.Evaluate(S.Load(logits + t) - shift);
        float sum = S.Sum(lanes);
        for (; t < count; t++)
            sum += MathF.Exp(logits[t] - largest);
        return sum;
    }
}
