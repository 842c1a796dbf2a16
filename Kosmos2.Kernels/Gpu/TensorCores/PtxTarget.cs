using System.Globalization;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>What a PTX text is written for: the compute capability, and the version of the language that first knew it.</summary>
/// <param name="Capability">Ten times the compute capability: 80 for 8.0.</param>
internal readonly record struct PtxTarget(int Capability)
{
    /// <summary>The first generation with all instructions used: <c>mma</c> of bfloat16, <c>ldmatrix</c>, <c>cp.async</c>.</summary>
    public const int LeastCapability = 80;

    /// <summary>Ampere: GeForce 30 and A100 alike.</summary>
    public static PtxTarget Ampere { get; } = new(80);

    /// <summary>Hopper: H100, H200.</summary>
    public static PtxTarget Hopper { get; } = new(90);

    /// <summary>Whether blocks can form clusters, which read each other's shared memory.</summary>
    public bool HasClusters => Capability >= 90;

    /// <summary>Language version: 7.0 came with Ampere, 7.8 with Hopper.</summary>
    public string Version => Capability < 90 ? "7.0" : "7.8";

    /// <summary>Text for a device: newer ones than Hopper take Hopper's, which their driver translates.</summary>
    public static PtxTarget For(int major, int minor) => (10 * major) + minor >= 90 ? Hopper : Ampere;

    /// <summary>The target of a name: <c>sm_80</c>.</summary>
    /// <exception cref="ArgumentException">Not one of the targets.</exception>
    public static PtxTarget Parse(string name) => name switch
    {
        "sm_80" => Ampere,
        "sm_90" => Hopper,
        _ => throw new ArgumentException($"no target '{name}'; known are sm_80, sm_90"),
    };

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"sm_{Capability}");
}
