using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Mathematics;

/// <summary>An <see cref="Activation"/> as code.</summary>
internal interface IActivation
{
    static abstract S Apply<S>(S x)
        where S : unmanaged, ISimd<S>;
}

/// <summary>x.</summary>
internal readonly struct Identity : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Apply<S>(S x)
        where S : unmanaged, ISimd<S> => x;
}

/// <summary>Exact GELU: x times the normal distribution function.</summary>
internal readonly struct Gelu : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Apply<S>(S x)
        where S : unmanaged, ISimd<S> => x * NormalDistribution.Cumulative(x);
}

/// <summary>x sigmoid(1.702 x).</summary>
internal readonly struct QuickGelu : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Apply<S>(S x)
        where S : unmanaged, ISimd<S> => x / (S.Broadcast(1f) + Exponential.Evaluate(x * S.Broadcast(-1.702f)));
}

/// <summary>max(x, 0).</summary>
internal readonly struct Relu : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Apply<S>(S x)
        where S : unmanaged, ISimd<S> => S.Max(S.Broadcast(0f), x);
}
