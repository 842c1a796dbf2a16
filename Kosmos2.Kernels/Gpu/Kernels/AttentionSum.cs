using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>A query's attention to some of its keys, before the division: the values' sum is relative to the largest score, as the exponentials' is.</summary>
/// <param name="Largest">The largest score.</param>
/// <param name="Weights">Sum of the exponentials.</param>
/// <param name="Value">One element of the weighted sum of values.</param>
internal readonly record struct AttentionSum(float Largest, float Weights, float Value)
{
    /// <summary>To no keys.</summary>
    public static AttentionSum None => new(float.NegativeInfinity, 0, 0);

    /// <summary>To these keys and others.</summary>
    public AttentionSum Plus(AttentionSum other)
    {
        float larger = XMath.Max(Largest, other.Largest);
        float faded = XMath.Exp(Largest - larger);
        float weight = XMath.Exp(other.Largest - larger);
        return new AttentionSum(larger, (Weights * faded) + (other.Weights * weight), (Value * faded) + (other.Value * weight));
    }
}
