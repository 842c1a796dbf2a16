using Kosmos2.Engine.Model;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine;

/// <summary>The five small models whose every stage was computed by Hugging Face.</summary>
internal static class ReferenceModels
{
    public static readonly string[] Names = ["upstream-test", "odd-sizes", "real-shapes", "bf16", "single-layer"];

    /// <summary>Folder of one model.</summary>
    public static string Folder(string name) => TestData.File("models", name);

    /// <summary>Loads one on the CPU.</summary>
    public static Kosmos2Model Load(string name, int? maxCachedTokens = null, CacheFormat cacheFormat = CacheFormat.Float32) =>
        Kosmos2Model.Load(Folder(name), Backends.Create("cpu", threads: 1), maxCachedTokens, cacheFormat: cacheFormat);
}
