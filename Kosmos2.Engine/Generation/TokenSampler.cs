using System.Numerics;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// Chooses tokens from scores. A random draw depends on the seed, the sequence's number and the step alone: not on which other sequences run
/// beside it, nor on how many were drawn before.
/// </summary>
internal sealed class TokenSampler(int vocabularySize)
{
    // Of a sum: the rounding errors of taking from it, 2^-53 of the whole, are a millionth of the rest then.
    private const double LeastLeft = 1e-10;

    private readonly float[] _probabilities = new float[vocabularySize];

    /// <summary>The token with the highest score; the lowest id where several share it.</summary>
    public static int Likeliest(ReadOnlySpan<float> scores)
    {
        int best = 0;
        for (int i = 1; i < scores.Length; i++)
        {
            if (scores[i] > scores[best])
                best = i;
        }
        return best;
    }

    /// <summary>Draws a token with probability softmax(scores).</summary>
    /// <param name="scores">[vocabulary].</param>
    /// <param name="key">Names the sequence.</param>
    /// <param name="step">New tokens before this one.</param>
    public int Draw(ReadOnlySpan<float> scores, RandomKey key, int step)
    {
        Softmax.Of(scores, _probabilities);
        return Pick(_probabilities, key.Uniform(step, 0) * SumOf(_probabilities));
    }

    /// <summary>
    /// Draws distinct indices, each in proportion to its weight among those that are left. When no weight is left, the lowest indices follow.
    /// </summary>
    /// <param name="weights">At least as many as are drawn; set to zero where drawn.</param>
    /// <param name="key">Names the sequence.</param>
    /// <param name="step">New tokens before this one.</param>
    /// <param name="drawn">Receives the indices in the order in which they are drawn.</param>
    public static void DrawDistinct(Span<float> weights, RandomKey key, int step, Span<int> drawn)
    {
        int next = 0;
        double whole = SumOf(weights), left = whole;
        for (int i = 0; i < drawn.Length; i++)
        {
            if (left < whole * LeastLeft)
                whole = left = SumOf(weights);
            int index = Pick(weights, key.Uniform(step, i) * left);
            if (weights[index] <= 0)
            {
                while (drawn[..i].Contains(next))
                    next++;
                index = next;
            }
            left -= weights[index];
            weights[index] = 0;
            drawn[i] = index;
        }
    }

    private static double SumOf(ReadOnlySpan<float> weights)
    {
        var sums = Vector<double>.Zero;
        int i = 0;
        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(weights[i..]), out Vector<double> low, out Vector<double> high);
            sums += low + high;
        }
        double sum = Vector.Sum(sums);
        foreach (float weight in weights[i..])
            sum += weight;
        return sum;
    }

    /// <summary>The first index at which the weights come to more than a part of their sum.</summary>
    private static int Pick(ReadOnlySpan<float> weights, double left)
    {
        int last = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] <= 0)
                continue;
            last = i;
            left -= weights[i];
            if (left < 0)
                break;
        }
        return last;
    }
}
