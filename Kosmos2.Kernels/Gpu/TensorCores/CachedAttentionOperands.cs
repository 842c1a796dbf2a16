namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Where cached attention's operands lie on the device.</summary>
/// <param name="Q">[rows, heads * headSize].</param>
/// <param name="Y">The same.</param>
/// <param name="Keys">A layer of a cache.</param>
/// <param name="Values">The same.</param>
/// <param name="Bias">What is added to scores, [blocks, BlockSize].</param>
/// <param name="RowStarts">A section of the step's table, as are the following.</param>
/// <param name="KeyCounts">Keys of each sequence.</param>
/// <param name="BlockStarts">Where its blocks begin.</param>
/// <param name="Blocks">The cache's blocks of all sequences.</param>
internal readonly record struct CachedAttentionOperands(
    ulong Q, ulong Y, ulong Keys, ulong Values, ulong Bias, ulong RowStarts, ulong KeyCounts, ulong BlockStarts, ulong Blocks);
