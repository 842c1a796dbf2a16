using System.Numerics;
using System.Runtime.InteropServices;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// Chooses the scale of a group of weights: the one with the least sum over i of (w[i] - scale q[i])^2, where q[i] is w[i] / scale rounded and clipped. The
/// largest weights may be clipped when that serves the others.
/// </summary>
internal static class ScaleSearch
{
    // Factors on the scale that just holds the largest weight.
    private static readonly float[] Factors4 = [.. Enumerable.Range(0, 20).Select(i => 0.55f + (0.03f * i))];
    private static readonly float[] Factors8 = [.. Enumerable.Range(0, 16).Select(i => 0.7f + (0.02f * i))];

    /// <summary>compressed-tensors' own rule: the largest weight becomes the end of the range. 1 for a group of zeros.</summary>
    public static float AbsMax(ReadOnlySpan<float> weights, int bits)
    {
        float scale = Largest(weights) / (((1 << bits) - 1) / 2f);
        return float.IsNormal(scale) ? scale : 1;
    }

    /// <summary>The scale of the least error among <see cref="Storable"/> ones. It may be negative: the range has one value more below 0 than above, and the sign decides whom that serves.</summary>
    /// <param name="weights">A group, finite.</param>
    /// <param name="bits">8 or 4.</param>
    public static float Find(ReadOnlySpan<float> weights, int bits)
    {
        float whole = AbsMax(weights, bits);
        float best = Storable(whole, bits), error = Measure(weights, best, bits).Error;
        foreach (float factor in bits == 4 ? Factors4 : Factors8)
        {
            Try(weights, whole * factor, bits, ref best, ref error);
            if (bits == 4)
                Try(weights, -whole * factor, bits, ref best, ref error);
        }

        // For the integers as they are now the best scale is a quotient; it may move some of them.
        for (int i = 0; i < 3; i++)
        {
            (_, float products, float squares) = Measure(weights, best, bits);
            Try(weights, products / squares, bits, ref best, ref error);
        }

        return best;
    }

    /// <summary>The nearest scale that kernels keep: with 4 bits, of which a group has few, a bfloat16; otherwise itself.</summary>
    public static float Storable(float scale, int bits)
    {
        float rounded = bits == 4 ? BFloat16.FromBits(BFloat16.ToBits(scale)) : scale;
        return float.IsNormal(rounded) ? rounded : scale;
    }

    /// <summary>The integers for a scale.</summary>
    public static void Round(ReadOnlySpan<float> weights, float scale, int bits, Span<sbyte> integers)
    {
        int limit = 1 << (bits - 1);
        for (int i = 0; i < weights.Length; i++)
            integers[i] = (sbyte)Math.Clamp(MathF.Round(weights[i] / scale), -limit, limit - 1);
    }

    private static void Try(ReadOnlySpan<float> weights, float scale, int bits, ref float best, ref float error)
    {
        if (!float.IsNormal(scale))
            return;
        scale = Storable(scale, bits);
        float candidate = Measure(weights, scale, bits).Error;
        if (candidate < error)
            (best, error) = (scale, candidate);
    }

    /// <summary>Sums over a group of (w - s q)^2, w q and q^2.</summary>
    private static (float Error, float Products, float Squares) Measure(ReadOnlySpan<float> weights, float scale, int bits)
    {
        int limit = 1 << (bits - 1);
        float inverse = 1 / scale;
        Vector<float> error = default, products = default, squares = default;
        var low = new Vector<float>(-limit);
        var high = new Vector<float>(limit - 1);
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(weights);
        for (int i = 0; i < vectors.Length; i++)
        {
            Vector<float> w = vectors[i];
            Vector<float> q = Vector.Min(Vector.Max(Vector.Round(w * inverse), low), high);
            Vector<float> difference = w - (q * scale);
            error += difference * difference;
            products += w * q;
            squares += q * q;
        }

        (float Error, float Products, float Squares) sums = (Vector.Sum(error), Vector.Sum(products), Vector.Sum(squares));
        for (int i = vectors.Length * Vector<float>.Count; i < weights.Length; i++)
        {
            float w = weights[i], q = Math.Clamp(MathF.Round(w * inverse), -limit, limit - 1);
            sums.Error += (w - (q * scale)) * (w - (q * scale));
            sums.Products += w * q;
            sums.Squares += q * q;
        }

        return sums;
    }

    private static float Largest(ReadOnlySpan<float> weights)
    {
        float largest = 0;
        foreach (float weight in weights)
            largest = Math.Max(largest, Math.Abs(weight));
        return largest;
    }
}
