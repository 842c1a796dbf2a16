using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu;

/// <summary>What all kernels of one backend share: the threads, the micro-kernels and the working memory.</summary>
internal sealed class CpuMachine(int threads, bool pin, TileKernels tiles, Func<TileKernels?> int8, Func<TileKernels?> int4, AssembledKernels? assembled) : IDisposable
{
    private readonly Lazy<TileKernels?> _int8 = new(int8);
    private readonly Lazy<TileKernels?> _int4 = new(int4);

    public WorkerPool Pool { get; } = new(threads, pin);

    public TileKernels Tiles { get; } = tiles;

    /// <summary>Kernels for 8-bit weights; null where they are switched off.</summary>
    public TileKernels? Int8 => _int8.Value;

    /// <summary>Kernels for 4-bit weights; null where they are switched off.</summary>
    public TileKernels? Int4 => _int4.Value;

    /// <summary>Kernels that only assembled code has, or null.</summary>
    public AssembledKernels? Assembled => assembled;

    /// <summary>Memory that all workers read.</summary>
    public ScratchBuffer Shared { get; } = new();

    /// <summary>Memory of which each worker has a part.</summary>
    public ScratchBuffer Private { get; } = new();

    /// <summary>Memory that outlives the kernels called by an operation.</summary>
    public ScratchBuffer Staging { get; } = new();

    /// <summary>Gives every worker memory of its own.</summary>
    /// <param name="floats">Floats for each.</param>
    /// <param name="stride">Floats from one worker's part to the next.</param>
    public unsafe float* ReservePrivate(nint floats, out nint stride)
    {
        // A page apart, so that no two workers share a cache line or compete for the same sets.
        stride = ((floats + 1023) & ~(nint)1023) + 16;
        return Private.Reserve(stride * Pool.Workers);
    }

    public void Dispose()
    {
        Pool.Dispose();
        Shared.Dispose();
        Private.Dispose();
        Staging.Dispose();
        assembled?.Dispose();
    }
}
