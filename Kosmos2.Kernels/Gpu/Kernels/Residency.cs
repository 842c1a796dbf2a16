using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// How many groups of a kernel a CUDA multiprocessor is to hold, from which the driver's assembler derives the registers of a thread. Left to itself it gives
/// kernels of unknown groups 32, so that as many threads as ever fit; loads that are written to be under way together then wait for each other's registers.
/// </summary>
internal static class Residency
{
    // Of 512 threads: 128 registers each, for sixteen loads of 128 bits.
    private const int FewRowGroups = 1;

    // Of 256 threads: 48 registers each, enough for four loads of 128 bits.
    private const int Groups = 5;

    // Of 128: as many registers as 16 sums, as many scores, and what is on its way from memory take.
    private const int TiledGroups = 3;

    /// <summary>For the kernels of a class.</summary>
    public static KernelSpecialization Of(Type kernels) =>
        kernels == typeof(FewRowKernels) ? new KernelSpecialization(FewRowKernels.MostThreads, FewRowGroups)
        : kernels == typeof(AttentionKernels) ? new KernelSpecialization(IlgpuDevices.GroupSize, Groups)
        : kernels == typeof(TiledAttentionKernels) ? new KernelSpecialization(TiledAttentionKernels.GroupSize, TiledGroups)
        : kernels == typeof(RowKernels) || kernels == typeof(SelectionKernels) ? OfRows(RowKernels.MostThreads)
        : KernelSpecialization.Empty;

    /// <summary>For kernels with a group for each row: one, whose registers hold the row, its gain and its bias.</summary>
    /// <param name="most">Threads of the largest group that is launched.</param>
    public static KernelSpecialization OfRows(int most) => new(most, 1);
}
