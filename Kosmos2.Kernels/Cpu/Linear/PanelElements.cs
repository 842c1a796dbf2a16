using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>How a panel's elements are stored.</summary>
internal unsafe interface IPanelElements
{
    /// <summary>Bytes of one.</summary>
    static abstract int Bytes { get; }

    /// <summary>Rows, 3 or up to 6, up to which several panels at once are faster than one.</summary>
    static abstract int MostPanelRows { get; }

    /// <summary>Both vectors of a step of a panel, widened.</summary>
    static abstract void LoadStep<S>(void* step, out S left, out S right)
        where S : unmanaged, ISimd<S>;
}

internal readonly unsafe struct FloatElements : IPanelElements
{
    public static int Bytes => sizeof(float);

    public static int MostPanelRows => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadStep<S>(void* step, out S left, out S right)
        where S : unmanaged, ISimd<S> => (left, right) = (S.Load((float*)step), S.Load((float*)step + S.Width));
}

internal readonly unsafe struct HalfElements<THalf> : IPanelElements
    where THalf : IHalfFormat
{
    public static int Bytes => sizeof(ushort);

    // Widening takes as long as memory gives it time for.
    public static int MostPanelRows => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadStep<S>(void* step, out S left, out S right)
        where S : unmanaged, ISimd<S> => THalf.LoadStep((ushort*)step, out left, out right);
}
