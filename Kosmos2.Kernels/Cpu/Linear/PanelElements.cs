using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>How a panel's elements are stored.</summary>
internal unsafe interface IPanelElements
{
    /// <summary>Bytes of one.</summary>
    static abstract int Bytes { get; }

    /// <summary>A vector of them, widened.</summary>
    static abstract S Load<S>(void* source)
        where S : unmanaged, ISimd<S>;
}

internal readonly unsafe struct FloatElements : IPanelElements
{
    public static int Bytes => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Load<S>(void* source)
        where S : unmanaged, ISimd<S> => S.Load((float*)source);
}

internal readonly unsafe struct HalfElements<THalf> : IPanelElements
    where THalf : IHalfFormat
{
    public static int Bytes => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Load<S>(void* source)
        where S : unmanaged, ISimd<S> => THalf.Load<S>((ushort*)source);
}
