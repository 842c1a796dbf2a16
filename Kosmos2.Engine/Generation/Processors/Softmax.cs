using System.Numerics;

namespace Kosmos2.Engine.Generation;

/// <summary>Softmax over a row of scores, for processors that need probabilities. Sums are kept in double.</summary>
internal static class Softmax
{
    /// <summary>probabilities = exp(scores) / sum(exp(scores)).</summary>
    public static void Of(ReadOnlySpan<float> scores, Span<float> probabilities)
    {
        scores.CopyTo(probabilities);
        LogInPlace(probabilities);
        int i = 0;
        for (; i <= probabilities.Length - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Exp(new Vector<float>(probabilities[i..])).CopyTo(probabilities[i..]);
        for (; i < probabilities.Length; i++)
            probabilities[i] = MathF.Exp(probabilities[i]);
    }

    /// <summary>softmax(scores)[index].</summary>
    public static double ProbabilityOf(ReadOnlySpan<float> scores, int index)
    {
        double max = Largest(scores);
        double sum = 0;
        foreach (float score in scores)
            sum += Math.Exp(score - max);
        return Math.Exp(scores[index] - max) / sum;
    }

    /// <summary>The largest score; NaN if any is, minus infinity if there are none.</summary>
    public static float Largest(ReadOnlySpan<float> scores)
    {
        var lanes = new Vector<float>(float.NegativeInfinity);
        int i = 0;
        for (; i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count)
            lanes = Vector.Max(lanes, new Vector<float>(scores[i..]));
        float max = float.NegativeInfinity;
        for (int lane = 0; lane < Vector<float>.Count; lane++)
            max = Math.Max(max, lanes[lane]);
        foreach (float score in scores[i..])
            max = Math.Max(max, score);
        return max;
    }

    /// <summary>scores -= log(sum(exp(scores))).</summary>
    public static void LogInPlace(Span<float> scores)
    {
        float max = Largest(scores);
        if (float.IsPositiveInfinity(max))
            max = ShareAmongInfinite(scores);
        var shift = new Vector<float>(max);
        var sums = Vector<double>.Zero;
        int i = 0;
        for (; i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(Vector.Exp(new Vector<float>(scores[i..]) - shift), out Vector<double> low, out Vector<double> high);
            sums += low + high;
        }
        double sum = Vector.Sum(sums);
        for (; i < scores.Length; i++)
            sum += MathF.Exp(scores[i] - max);
        float logSum = (float)Math.Log(sum);
        var logSums = new Vector<float>(logSum);
        for (i = 0; i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count)
            (new Vector<float>(scores[i..]) - shift - logSums).CopyTo(scores[i..]);
        foreach (ref float score in scores[i..])
            score = score - max - logSum;
    }

    // Penalties and biases may push scores beyond what a float holds: those share all probability. Leaves a largest score of 0.
    private static float ShareAmongInfinite(Span<float> scores)
    {
        foreach (ref float score in scores)
            score = float.IsPositiveInfinity(score) ? 0 : float.NegativeInfinity;
        return 0;
    }

    /// <summary>-sum(p log p); a token of probability 0 adds nothing.</summary>
    public static float Entropy(ReadOnlySpan<float> logProbabilities, ReadOnlySpan<float> probabilities)
    {
        double sum = 0;
        for (int i = 0; i < probabilities.Length; i++)
        {
            if (probabilities[i] > 0)
                sum -= (double)probabilities[i] * logProbabilities[i];
        }
        return (float)sum;
    }
}
