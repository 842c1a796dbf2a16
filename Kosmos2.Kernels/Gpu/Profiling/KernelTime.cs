namespace Kosmos2.Kernels.Gpu.Profiling;

/// <summary>What a launch is for.</summary>
/// <param name="Name">The operation, or the kernel where an operation has several.</param>
/// <param name="Rows">Of a product: rows of x; 0 for other operations.</param>
/// <param name="Outputs">Of a product: rows of W, those of all layers in the launch.</param>
/// <param name="Inputs">Of a product: columns of W.</param>
internal readonly record struct KernelLabel(string Name, int Rows, int Outputs, int Inputs)
{
    /// <inheritdoc/>
    public override string ToString() => Rows == 0 ? Name : $"{Name} {Rows}x{Outputs}x{Inputs}";
}

/// <summary>All launches with one label.</summary>
/// <param name="Label">What they are for.</param>
/// <param name="Launches">How many.</param>
/// <param name="Seconds">Their time together.</param>
/// <param name="Bytes">What they have to read at least: weights, or keys and values; 0 where it was not counted.</param>
internal sealed record KernelTime(KernelLabel Label, int Launches, double Seconds, long Bytes);
