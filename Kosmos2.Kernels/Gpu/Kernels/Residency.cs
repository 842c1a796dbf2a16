using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// How many groups of a kernel a CUDA multiprocessor is to hold, from which the driver's assembler derives the registers of a thread. Left to itself it gives
/// kernels of unknown groups 32, so that as many threads as ever fit; loads that are written to be under way together then wait for each other's registers.
/// </summary>
internal static class Residency
{
    // Of 512 threads: 128 registers each, for sixteen loads of 128 bits.
    private const int WideGroups = 1;

    // Of 256 threads: 48 registers each, enough for four loads of 128 bits.
    private const int Groups = 5;

    // Of 128: as many registers as 16 sums, as many scores, and what is on its way from memory take.
    private const int TiledGroups = 3;

    // Whose registers hold a row, its gain and its bias.
    private const int RowGroups = 1;

    /// <summary>For the kernels of a class.</summary>
    /// <param name="kernels">The class.</param>
    /// <param name="most">Threads of the largest group that the device runs.</param>
    public static KernelSpecialization Of(Type kernels, int most = int.MaxValue) =>
        kernels == typeof(FewRowKernels) ? Of(FewRowKernels.MostThreads, WideGroups, most)
        : kernels == typeof(WideAttentionKernels) ? Of(WideAttentionKernels.MostThreads, WideGroups, most)
        : kernels == typeof(AttentionKernels) ? Of(IlgpuDevices.GroupSize, Groups, most)
        : kernels == typeof(TiledAttentionKernels) ? Of(TiledAttentionKernels.GroupSize, TiledGroups, most)
        : kernels == typeof(RowKernels) || kernels == typeof(SelectionKernels) ? Of(RowKernels.MostThreads, RowGroups, most)
        : KernelSpecialization.Empty;

    private static KernelSpecialization Of(int threads, int groups, int most) => new(Math.Min(threads, most), groups);
}
