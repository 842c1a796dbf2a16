using System.Runtime.InteropServices;

namespace Kosmos2.Kernels.Cpu.Memory;

/// <summary>What the system is told about ranges of memory. Advice only: where it is not taken nothing changes but speed and footprint.</summary>
internal static unsafe partial class Pages
{
    private const int HugePage = 14;
    private const nuint HugePageSize = 2 << 20;

    /// <summary>
    /// Memory that becomes real where it is first written, in large pages where the system has them: weights are streams, and rows of activations and blocks of a cache lie
    /// thousands of bytes apart, so that small pages are missed all the time.
    /// </summary>
    /// <returns>Not cleared, on a cache line; free it with <see cref="NativeMemory.AlignedFree"/>.</returns>
    public static void* Reserve(nuint bytes)
    {
        // What is left over stays in small pages: most of a large one might be wasted.
        nuint large = bytes & ~(HugePageSize - 1);
        if (large == 0)
            return NativeMemory.AlignedAlloc(Math.Max(bytes, 1), CacheLine.Bytes);
        void* memory = NativeMemory.AlignedAlloc(bytes, HugePageSize);
        if (OperatingSystem.IsLinux())
            _ = madvise(memory, large, HugePage);
        return memory;
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);
}
