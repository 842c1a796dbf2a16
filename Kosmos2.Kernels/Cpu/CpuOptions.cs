using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu;

/// <summary>How a <see cref="CpuBackend"/> runs. No option but <see cref="Products"/> changes a result by more than rounding; threads change nothing at all.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that compute, including the calling one: 1 to 1024. 0, the default, takes the cores this process may use, one thread each.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// Whether all threads but the calling one stay on a core of their own (Linux; nothing happens elsewhere, or where there are fewer cores than threads). For machines
    /// that do nothing else: where other programs run, a thread that may not move waits for them.
    /// </summary>
    public bool PinThreads { get; init; }

    /// <summary>Vector width. A width that the machine lacks is refused.</summary>
    public InstructionSet InstructionSet { get; init; }

    /// <summary>What weights of less than F32 are multiplied by.</summary>
    public ProductPrecision Products { get; init; }

    /// <summary>Where weights are read from; integers that are multiplied as floats are always read where they lie.</summary>
    public WeightResidency Weights { get; init; }

    /// <summary>
    /// Kernels that may not be used, by name and separated by commas, in addition to those of the environment variable KOSMOS2_DISABLE:
    /// <c>avx512</c>, <c>avx2</c>, <c>vector128</c> (widths that <see cref="InstructionSet.Auto"/> then passes over), <c>assembler</c> (kernels assembled at run time),
    /// <c>executable</c> (as if the system refused memory for them), <c>avx512bf16</c>, <c>avx512vnni</c> (fast products of BF16 and of integers), <c>integers</c> (those of integers that the runtime compiles).
    /// </summary>
    public string Disable { get; init; } = "";

    /// <summary><see cref="Threads"/>, counted where it is left open.</summary>
    internal int Workers => Threads > 0 ? Threads : Cores.Available();

    /// <summary>Whether kernels are used too that others pass on this processor: tests run them wherever they can.</summary>
    internal bool SlowKernels { get; init; }
}
