using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// Weights that follow from their names, so that a checkpoint of any size can be made anywhere, equal bit for bit. Element i of the tensor
/// named n, all in 64-bit unsigned arithmetic modulo 2^64:
/// <code>
/// s = FNV-1a-64(UTF-8 of n)
/// z = s + (i + 1) * 0x9E3779B97F4A7C15                                              (from here on SplitMix64)
/// z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;  z = z ^ (z >> 31)
/// u = (z >> 40) * 2^-24 * 2 - 1                                                     in [-1, 1), exact
/// value = float(u * scale), or float(1 + 0.1 * u) for a layer normalisation's weight; the arithmetic is in double
/// </code>
/// scale: sqrt(3 / fan_in) for matrices and the patch convolution, 0.02 for biases, embeddings, the class token and the latent queries, 2
/// for the tensor named pixel_values. The same rule as tools/reference/full_size.py.
/// </summary>
internal sealed class SyntheticTensor
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;
    private const ulong Mix1 = 0xBF58476D1CE4E5B9;
    private const ulong Mix2 = 0x94D049BB133111EB;

    private readonly ulong _seed;
    private readonly double _scale;
    private readonly double _offset;

    /// <summary>Chooses the rule for a name and shape.</summary>
    public SyntheticTensor(string name, Shape shape)
    {
        _seed = Fnv1a(name);
        bool isNorm = IsNormWeight(name);
        _scale = isNorm ? 0.1 : ScaleOf(name, shape);
        _offset = isNorm ? 1 : 0;
    }

    /// <summary>Makes elements <paramref name="start"/> and following.</summary>
    public void Fill(long start, Span<float> values)
    {
        int i = 0;
        Span<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var even = new Vector<ulong>(_seed + ((ulong)start * Gamma)) + (Vector.CreateSequence(1ul, 1ul) * Gamma);
        var half = new Vector<ulong>((ulong)Vector<ulong>.Count * Gamma);
        foreach (ref Vector<float> vector in vectors)
        {
            Vector<ulong> odd = even + half;
            vector = Vector.Narrow(Value(even), Value(odd));
            even = odd + half;
            i += Vector<float>.Count;
        }

        for (; i < values.Length; i++)
            values[i] = Value(_seed + ((ulong)(start + i + 1) * Gamma));
    }

    private Vector<double> Value(Vector<ulong> z)
    {
        z = (z ^ (z >>> 30)) * Mix1;
        z = (z ^ (z >>> 27)) * Mix2;
        z ^= z >>> 31;

        // 24 bits become a double exactly: placed in the mantissa of 2^52, which is then taken away.
        var exponent = new Vector<ulong>(0x4330000000000000);
        Vector<double> u = ((z >>> 40) | exponent).As<ulong, double>() - exponent.As<ulong, double>();
        u = (u * (1.0 / (1 << 23))) - Vector<double>.One;
        return (u * _scale) + new Vector<double>(_offset);
    }

    private float Value(ulong z)
    {
        z = (z ^ (z >> 30)) * Mix1;
        z = (z ^ (z >> 27)) * Mix2;
        z ^= z >> 31;
        double u = ((z >> 40) * (1.0 / (1 << 23))) - 1;
        return (float)((u * _scale) + _offset);
    }

    private static ulong Fnv1a(string name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(name))
            hash = (hash ^ b) * 0x100000001B3;
        return hash;
    }

    private static bool IsNormWeight(string name) =>
        name.EndsWith("weight", StringComparison.Ordinal)
        && (name.Contains("norm", StringComparison.Ordinal) || name.Contains("_ln.", StringComparison.Ordinal));

    private static double ScaleOf(string name, Shape shape)
    {
        if (name == "pixel_values")
            return 2;
        string last = name[(name.LastIndexOf('.') + 1)..];
        bool small = last is "bias" or "class_embedding" or "latent_query"
            || name.Contains("embed_tokens", StringComparison.Ordinal)
            || name.Contains("position_embedding", StringComparison.Ordinal)
            || name.Contains("lm_head", StringComparison.Ordinal);
        if (small)
            return 0.02;
        double fanIn = 1;
        foreach (long extent in shape.Extents[1..])
            fanIn *= extent;
        return Math.Sqrt(3 / fanIn);
    }
}
