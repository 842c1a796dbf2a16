namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Blocks of a launch.</summary>
internal readonly record struct LaunchGrid(int X, int Y = 1, int Z = 1)
{
    /// <summary>Blocks in a row.</summary>
    public static implicit operator LaunchGrid(int blocks) => new(blocks);
}
