using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Profiling;
using Kosmos2.Weights;

namespace Kosmos2.Engine;

/// <summary>How a <see cref="Kosmos2Engine"/> is set up.</summary>
public sealed record EngineOptions
{
    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda[:n]</c>, <c>opencl[:n]</c>, or <c>reference</c> (the slow double-precision oracle).</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Threads of the CPU device; 0 for one a core.</summary>
    public int Threads { get; init; }

    /// <summary>Whether threads of the CPU device stay on a core each; see <see cref="CpuOptions.PinThreads"/>.</summary>
    public bool PinThreads { get; init; }

    /// <summary>
    /// Where the CPU device reads weights from; null for packed where the model's files take at most half of the memory that this process may use, and
    /// mapped otherwise. Panels beside the model (<see cref="ModelPanels"/>) are mapped instead, unless this is <see cref="WeightResidency.Packed"/>. It changes no result.
    /// </summary>
    public WeightResidency? Weights { get; init; }

    /// <summary>
    /// What weights of less than F32 are multiplied by, on the CPU and on CUDA devices; null for fast products where they are small integers, and exact ones otherwise.
    /// </summary>
    public ProductPrecision? Products { get; init; }

    /// <summary>
    /// What weights are brought to as they are loaded, in memory, as <see cref="CheckpointQuantizer"/> would on disk without <see cref="QuantizeOptions.FoldInputs"/>: with
    /// groups of 32 for 4 bits, and the embeddings, which are the head too, in 8 bits unless all weights become bfloat16. Folding, after
    /// which rows rounded to 8 bits lose less, would read every weight before the first is used; here each is converted when it is. A checkpoint that is quantized already takes <see cref="WeightFormat.Stored"/> only.
    /// </summary>
    public WeightFormat WeightFormat { get; init; }

    /// <summary>
    /// How keys and values are cached: a token of the published model takes 393 kB in F32, 197 kB in BF16 and 104 kB in INT8. Attention computes in F32 with
    /// any of them.
    /// </summary>
    public CacheFormat CacheFormat { get; init; }

    /// <summary>Budget of the key/value cache in tokens of all sequences together, at least 1; null for none.</summary>
    public int? MaxCachedTokens { get; init; }

    /// <summary>
    /// Tokens of the key/value cache in which beginnings of prompts, pictures above all, are kept for the next question; 0 keeps none. They count
    /// against <see cref="MaxCachedTokens"/> and give way when it is used up. A picture of the published model has 67 tokens, whose size <see cref="CacheFormat"/> decides.
    /// </summary>
    public int PrefixCacheTokens { get; init; } = 512;

    /// <summary>Bytes of encoded pictures that are kept in memory, found again by their content; 0 keeps none. One of the published model has 524 kB.</summary>
    public long ImageCacheBytes { get; init; } = 64 << 20;

    /// <summary>
    /// A folder for encoded pictures, which later runs and other programs find again; null for none. It is made if need be, and nothing in it is ever
    /// deleted. Files that do not belong to this very model, device and build, or are damaged, are not used.
    /// </summary>
    public string? ImageCacheFolder { get; init; }

    /// <summary>What a GPU's launches are recorded in; null for nothing.</summary>
    internal KernelProfile? Profile { get; init; }

    /// <summary>Refuses budgets that are none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is out of range; the message names it.</exception>
    internal void CheckBudgets()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxCachedTokens ?? 1, 1, nameof(MaxCachedTokens));
        ArgumentOutOfRangeException.ThrowIfNegative(PrefixCacheTokens, nameof(PrefixCacheTokens));
        ArgumentOutOfRangeException.ThrowIfNegative(ImageCacheBytes, nameof(ImageCacheBytes));
    }

    /// <summary>What these options mean for a model on the CPU device.</summary>
    /// <param name="folder">The model's.</param>
    /// <param name="config">Its configuration.</param>
    internal CpuOptions ForCpu(string folder, Kosmos2Config config)
    {
        bool fits = WeightBytes(folder) <= GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;
        return new CpuOptions
        {
            Threads = Threads,
            PinThreads = PinThreads,
            Weights = Weights ?? (fits ? WeightResidency.Packed : WeightResidency.Mapped),
            Products = ProductsOf(config),
        };
    }

    /// <summary>What these options mean for a model on a GPU.</summary>
    /// <param name="config">The model's configuration.</param>
    internal GpuOptions ForGpu(Kosmos2Config config) => new() { Products = ProductsOf(config), Profile = Profile };

    private ProductPrecision ProductsOf(Kosmos2Config config)
    {
        bool quantized = config.QuantizationConfig is not null || WeightFormat is WeightFormat.Int8 or WeightFormat.Int4;
        return Products ?? (quantized ? ProductPrecision.Fast : ProductPrecision.Exact);
    }

    // The hub's cache holds links, whose own length is that of a name.
    internal static long WeightBytes(string folder) => new DirectoryInfo(folder).EnumerateFiles("*.safetensors")
        .Sum(file => new FileInfo(RealPath.Of(file.FullName)).Length);
}
