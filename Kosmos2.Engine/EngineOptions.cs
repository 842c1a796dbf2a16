namespace Kosmos2.Engine;

/// <summary>How a <see cref="Kosmos2Engine"/> is set up.</summary>
public sealed record EngineOptions
{
    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda[:n]</c>, <c>opencl[:n]</c>, or <c>reference</c> (the slow double-precision oracle).</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Threads of the CPU device; 0 for one a core.</summary>
    public int Threads { get; init; }

    /// <summary>Budget of the key/value cache in tokens of all sequences together; null for none.</summary>
    public int? MaxCachedTokens { get; init; }
}
