using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Kosmos2.Kernels.Cpu.Memory;

/// <summary>Hints to the caches.</summary>
internal static unsafe class CacheLine
{
    /// <summary>Bytes of a line.</summary>
    public const int Bytes = 64;

    /// <summary>Asks for a line to be brought into the second-level cache. Any address may be given; nothing happens where there is no such instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }

    /// <summary>Asks for the lines of some bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address, int bytes)
    {
        for (int line = 0; line < bytes; line += Bytes)
            Prefetch((byte*)address + line);
    }
}
