using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Mathematics;

/// <summary>
/// e^x = 2^n e^r with n = round(x / ln 2) and |r| at most ln 2 / 2; e^r by a polynomial of degree 6 fitted at Chebyshev nodes (relative
/// error 2.6e-9 before rounding). Subnormal results come out right, too large ones infinite, NaN stays NaN.
/// </summary>
/// <remarks>
/// What is too small is not computed: a processor takes a hundred cycles and more for a product below the normal range, and hidden keys, whose scores are minus infinity, are in
/// every row of a prompt.
/// </remarks>
internal static class Exponential
{
    // Below, or from here on, the result is 0, or infinity.
    private const float Lowest = -104f;
    private const float Highest = 89f;

    private const float InverseLn2 = 1.44269504f;

    // ln 2 in two parts; n times the first is exact.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    // Below it hardly a normal float is left.
    private const float LowestNormal = -87f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Evaluate<S>(S x)
        where S : unmanaged, ISimd<S>
    {
        S above = x - S.Broadcast(Lowest);
        S p = Fraction(S.IfNegative(above, default, S.Min(S.Broadcast(Highest), x)), out S n);

        // In two factors, since 2^n alone may lie outside the range of floats.
        S half = S.Round(n * S.Broadcast(0.5f));
        return S.IfNegative(above, default, p * S.PowerOfTwo(half) * S.PowerOfTwo(n - half));
    }

    /// <summary>e^x for x of at most 0, or NaN: the weights of a softmax, the bell of a distribution. 0 below -87, where hardly a normal float is left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S EvaluateWeight<S>(S x)
        where S : unmanaged, ISimd<S>
    {
        S above = x - S.Broadcast(LowestNormal);
        S p = Fraction(S.Max(S.Broadcast(LowestNormal), x), out S n);
        return S.IfNegative(above, default, p * S.PowerOfTwo(n));
    }

    // e^x / 2^n, and n.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S Fraction<S>(S x, out S n)
        where S : unmanaged, ISimd<S>
    {
        n = S.Round(x * S.Broadcast(InverseLn2));
        S r = S.MultiplyAdd(n, S.Broadcast(-Ln2High), x);
        r = S.MultiplyAdd(n, S.Broadcast(-Ln2Low), r);

        S p = S.Broadcast(1.394858082e-3f);
        p = S.MultiplyAdd(p, r, S.Broadcast(8.375128890e-3f));
        p = S.MultiplyAdd(p, r, S.Broadcast(4.166621827e-2f));
        p = S.MultiplyAdd(p, r, S.Broadcast(1.666641548e-1f));
        p = S.MultiplyAdd(p, r, S.Broadcast(5.000000108e-1f));
        p = S.MultiplyAdd(p, r, S.Broadcast(1.000000038f));
        return S.MultiplyAdd(p, r, S.Broadcast(1f));
    }
}
