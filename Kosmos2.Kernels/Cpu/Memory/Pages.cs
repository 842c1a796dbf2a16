using System.Runtime.InteropServices;

namespace Kosmos2.Kernels.Cpu.Memory;

/// <summary>What the system is told about ranges of memory. Advice only: where it is not taken nothing changes but speed and footprint.</summary>
internal static unsafe partial class Pages
{
    private const int HugePage = 14;
    private const nuint HugePageSize = 2 << 20;

    /// <summary>Memory that becomes real where it is first written, in large pages where the system has them: streams of weights miss fewer translations.</summary>
    /// <returns>Not cleared; free it with <see cref="NativeMemory.AlignedFree"/>.</returns>
    public static void* Reserve(nuint bytes)
    {
        // Small ones would waste most of a large page.
        if (bytes < HugePageSize)
            return NativeMemory.AlignedAlloc(Math.Max(bytes, 1), 64);
        nuint whole = (bytes + HugePageSize - 1) & ~(HugePageSize - 1);
        void* memory = NativeMemory.AlignedAlloc(whole, HugePageSize);
        if (OperatingSystem.IsLinux())
            _ = madvise(memory, whole, HugePage);
        return memory;
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);
}
