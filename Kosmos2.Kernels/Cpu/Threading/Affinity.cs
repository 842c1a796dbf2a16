using System.Runtime.InteropServices;

namespace Kosmos2.Kernels.Cpu.Threading;

/// <summary>Which processors threads may run on. Linux only; elsewhere nothing is known and nothing done.</summary>
internal static unsafe partial class Affinity
{
    // 1,024 processors, what the C library's own mask holds.
    private const int MaskBytes = 128;

    /// <summary>Numbers of the processors that the calling thread may run on, ascending; null where that is not known.</summary>
    public static int[]? Allowed()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        byte* mask = stackalloc byte[MaskBytes];
        if (sched_getaffinity(0, MaskBytes, mask) != 0)
            return null;
        var allowed = new List<int>();
        for (int processor = 0; processor < MaskBytes * 8; processor++)
        {
            if ((mask[processor / 8] >> (processor % 8) & 1) != 0)
                allowed.Add(processor);
        }
        return [.. allowed];
    }

    /// <summary>Keeps the calling thread on one processor.</summary>
    /// <returns>False where the system does not do it.</returns>
    public static bool Pin(int processor)
    {
        if (!OperatingSystem.IsLinux() || processor is < 0 or >= MaskBytes * 8)
            return false;
        byte* mask = stackalloc byte[MaskBytes];
        new Span<byte>(mask, MaskBytes).Clear();
        mask[processor / 8] = (byte)(1 << (processor % 8));
        return sched_setaffinity(0, MaskBytes, mask) == 0;
    }

    // Of the calling thread, for pid 0. The mask's bytes are those of longs in the machine's order, which is the order of bits on little-endian machines only;
    // .NET's 64-bit systems with these processors all are.
    [LibraryImport("libc")]
    private static partial int sched_getaffinity(int pid, nuint size, byte* mask);

    [LibraryImport("libc")]
    private static partial int sched_setaffinity(int pid, nuint size, byte* mask);
}
