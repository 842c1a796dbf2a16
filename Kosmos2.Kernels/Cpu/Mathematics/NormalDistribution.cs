using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Mathematics;

/// <summary>
/// The distribution function of the standard normal distribution, (1 + erf(x / sqrt 2)) / 2, which is exact GELU's factor. Written with the complementary error
/// function, so that the lower tail keeps its relative precision where 1 + erf cancels.
/// </summary>
/// <remarks>
/// erfc(t) = e^(-t^2) P(v) / (t + 2) for t at least 0, with v = 1 - 4 / (t + 2), which maps 0..infinity to -1..1. P has degree 10, fitted
/// at Chebyshev nodes to (t + 2) e^(t^2) erfc(t) for t up to 10.2, where erfc leaves the range of floats (relative error 5.6e-9 before rounding).
/// </remarks>
internal static class NormalDistribution
{
    // Beyond it the lower tail is 0; what is left of it between -13 and there is no normal float.
    private const float Farthest = 13.2f;

    private const float InverseSqrt2 = 0.707106781f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Cumulative<S>(S x)
        where S : unmanaged, ISimd<S>
    {
        S a = S.Min(S.Broadcast(Farthest), S.Abs(x));
        S t = a * S.Broadcast(InverseSqrt2);
        S u = S.Broadcast(1f) / (t + S.Broadcast(2f));
        S v = S.MultiplyAdd(u, S.Broadcast(-4f), S.Broadcast(1f));

        S p = S.Broadcast(6.367594904e-5f);
        p = S.MultiplyAdd(p, v, S.Broadcast(3.842359564e-5f));
        p = S.MultiplyAdd(p, v, S.Broadcast(-5.879843794e-4f));
        p = S.MultiplyAdd(p, v, S.Broadcast(-8.224385247e-4f));
        p = S.MultiplyAdd(p, v, S.Broadcast(3.061768759e-3f));
        p = S.MultiplyAdd(p, v, S.Broadcast(6.472154450e-3f));
        p = S.MultiplyAdd(p, v, S.Broadcast(-2.150576011e-2f));
        p = S.MultiplyAdd(p, v, S.Broadcast(-3.644123516e-2f));
        p = S.MultiplyAdd(p, v, S.Broadcast(2.794717803e-1f));
        p = S.MultiplyAdd(p, v, S.Broadcast(-6.871607193e-1f));
        p = S.MultiplyAdd(p, v, S.Broadcast(1.021582709f));

        // e^(-t^2) with t^2 = a^2 / 2: what a^2 loses in rounding comes back as a factor 1 - lost / 2.
        S square = a * a;
        S lost = S.MultiplyAdd(a, a, S.Broadcast(0f) - square);
        S gauss = Exponential.EvaluateWeight(square * S.Broadcast(-0.5f));
        gauss = S.MultiplyAdd(gauss * S.Broadcast(-0.5f), lost, gauss);

        S tail = S.Broadcast(0.5f) * u * p * gauss;
        return S.IfNegative(x, tail, S.Broadcast(1f) - tail);
    }
}
