namespace Kosmos2.Weights;

/// <summary>
/// What a linear layer is given: the mean of each input, and how inputs vary together. Variation across the borders of blocks is left out, so that the
/// matrices stay small where a layer is wide.
/// </summary>
public sealed class InputStatistics
{
    /// <summary>Inputs in a block; the last one may have fewer.</summary>
    public const int BlockSize = 256;

    /// <summary>Takes the numbers over.</summary>
    /// <param name="mean">[in].</param>
    /// <param name="covariance">For each block of n inputs [n, n], symmetric.</param>
    /// <exception cref="ArgumentException">The blocks do not fit the inputs.</exception>
    public InputStatistics(float[] mean, IReadOnlyList<float[]> covariance)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(covariance);
        if (covariance.Count != Blocks(mean.Length))
            throw new ArgumentException($"{mean.Length} inputs have {Blocks(mean.Length)} blocks, not {covariance.Count}", nameof(covariance));
        for (int block = 0; block < covariance.Count; block++)
        {
            int width = WidthOf(block, mean.Length);
            if (covariance[block].Length != width * width)
                throw new ArgumentException($"block {block} is [{width}, {width}], not {covariance[block].Length} numbers", nameof(covariance));
        }
        (Mean, Covariance) = (mean, covariance);
    }

    /// <summary>[in].</summary>
    public IReadOnlyList<float> Mean { get; }

    /// <summary>For each block of n inputs [n, n].</summary>
    public IReadOnlyList<float[]> Covariance { get; }

    /// <summary>How far an input varies: its place on the diagonal.</summary>
    internal float Variance(int input) => Covariance[input / BlockSize][input % BlockSize * (WidthOf(input / BlockSize, Mean.Count) + 1)];

    /// <summary>Number of blocks.</summary>
    internal static int Blocks(int inputs) => (inputs + BlockSize - 1) / BlockSize;

    /// <summary>Inputs of a block.</summary>
    internal static int WidthOf(int block, int inputs) => Math.Min(BlockSize, inputs - (block * BlockSize));
}
