using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// What a compiled tile asks memory for while it computes; assembled ones share that out (<see cref="TileKernels"/>). The first tile of rows that meets a block of weights would otherwise wait for it line by line, and computes
/// too long on each for the hardware to look far ahead; the lines asked for are those that the next block is read from.
/// </summary>
internal static unsafe class ReadAhead
{
    /// <summary>Up to so many rows a tile does little but read, and the hardware's own read-ahead is faster.</summary>
    public const int FewRows = 3;

    /// <summary>Bytes from what is read to what is asked for.</summary>
    public const int Bytes = 8192;

    /// <summary>Asks for what lies ahead of a step's two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Step<S, TRows>(float* b)
        where S : unmanaged, ISimd<S>
        where TRows : ITileRows
    {
        if (TRows.Count <= FewRows)
            return;
        CacheLine.Prefetch((byte*)b + Bytes);
        if (2 * S.Width * sizeof(float) > CacheLine.Bytes)
            CacheLine.Prefetch((byte*)b + Bytes + CacheLine.Bytes);
    }
}
