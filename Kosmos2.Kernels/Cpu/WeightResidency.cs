namespace Kosmos2.Kernels.Cpu;

/// <summary>Where a <see cref="CpuBackend"/> reads weights from.</summary>
public enum WeightResidency
{
    /// <summary>
    /// From the file's own pages, in its own layout: ready at once, no memory beyond the page cache. Every product brings the weights into the
    /// kernels' order anew, which slows a step of few rows down, most of all fast products of BF16.
    /// </summary>
    Mapped,

    /// <summary>
    /// From memory of our own, in the kernels' order: as many bytes again, written piece by piece when a product first needs them, after
    /// which the file's pages, or the copy that was converted on loading, are given back. The same results, bit for bit.
    /// Integers whose products are exact, or that have zero points or groups which no integer kernel takes, stay where they lie and are widened by every product: as
    /// floats in memory they would take four or eight times their room.
    /// </summary>
    Packed,
}
