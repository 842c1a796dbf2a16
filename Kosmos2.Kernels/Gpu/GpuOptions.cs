using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu.Profiling;

namespace Kosmos2.Kernels.Gpu;

/// <summary>How an <see cref="IlgpuBackend"/> runs.</summary>
public sealed record GpuOptions
{
    /// <summary>
    /// What weights of less than F32 are multiplied by. Fast products of BF16 and F16 weights with 2 rows or more, and of integers with 8 or more, run on the
    /// tensor cores of a CUDA device of compute capability 8.0 or later; elsewhere products stay exact.
    /// </summary>
    public ProductPrecision Products { get; init; }

    /// <summary>What the device's launches are recorded in; they are then never repeated as graphs. Null for nothing.</summary>
    internal KernelProfile? Profile { get; init; }

    /// <summary>Threads of the groups that want many, a power of two; null for what suits the device.</summary>
    internal int? WideThreads { get; init; }

    /// <summary>Groups that share the keys of a query and head, if the keys are enough; null for as many as run at once.</summary>
    internal int? KeyGroups { get; init; }
}
