namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Blocks of a launch.</summary>
internal readonly record struct LaunchGrid(int X, int Y = 1, int Z = 1)
{
    /// <summary>Blocks in a row.</summary>
    public static implicit operator LaunchGrid(int blocks) => new(blocks);

    /// <summary>How many groups of a size hold so many.</summary>
    public static int Groups(int count, int size) => (count + size - 1) / size;
}
