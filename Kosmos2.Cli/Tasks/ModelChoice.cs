using Kosmos2.Engine;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Cli.Tasks;

/// <summary>A model and what it runs on, as given.</summary>
/// <param name="Folder">Null for the shipped model.</param>
/// <param name="Device">As in <c>cuda:1</c>.</param>
/// <param name="Threads">Null for the default.</param>
/// <param name="Pin">Whether the CPU's threads stay on a core each.</param>
/// <param name="Weights">Where the CPU reads weights from; null for the default.</param>
/// <param name="Products">What the CPU multiplies small weights by; null for the default.</param>
/// <param name="Format">What weights are brought to as they are loaded.</param>
/// <param name="Cache">How keys and values are cached.</param>
internal sealed record ModelChoice(
    string? Folder, string Device, int? Threads, bool Pin, WeightResidency? Weights, ProductPrecision? Products, WeightFormat Format, CacheFormat Cache)
{
    /// <summary>The same for the engine.</summary>
    public EngineOptions Engine => new()
    {
        Device = Device,
        Threads = Threads ?? 0,
        PinThreads = Pin,
        Weights = Weights,
        Products = Products,
        WeightFormat = Format,
        CacheFormat = Cache,
    };
}
