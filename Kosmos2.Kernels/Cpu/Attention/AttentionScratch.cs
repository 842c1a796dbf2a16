using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>One worker's memory for attention, divided into its parts.</summary>
internal readonly unsafe struct AttentionScratch<S>
    where S : unmanaged, ISimd<S>
{
    /// <summary>
    /// Keys taken at a time: a picture's 257 and most prompts at once, while keys and values stay in a second-level cache. A multiple of the cache's block, so that a
    /// chunk begins at the same key for every query, and of the widest panel, since keys are packed and scored in whole panels.
    /// </summary>
    public const int Chunk = 288;

    /// <summary>Queries of an item, at most: all of a picture's, so that keys and values are packed once.</summary>
    public const int MostQueries = 288;

    /// <summary>Queries of an item of a prompt, or where a head has several: enough that packing costs little beside the products.</summary>
    public const int PieceQueries = 96;

    /// <summary>[panel of queries][headSize][queries of the panel], scaled.</summary>
    public readonly float* Queries;

    /// <summary>[panel of keys][headSize][PanelWidth].</summary>
    public readonly float* Keys;

    /// <summary>[panel of the head][Chunk][PanelWidth].</summary>
    public readonly float* Values;

    /// <summary>[queries of a panel][Chunk]: scores, then their exponentials.</summary>
    public readonly float* Scores;

    /// <summary>[Chunk][queries of a panel]: the exponentials for the product with the values.</summary>
    public readonly float* Weights;

    /// <summary>[Chunk] added to the scores.</summary>
    public readonly float* Bias;

    /// <summary>[queries][PaddedHead]: sums of weighted values.</summary>
    public readonly float* Sums;

    /// <summary>[queries]: the largest score so far.</summary>
    public readonly float* Largest;

    /// <summary>[queries]: sum of the exponentials so far.</summary>
    public readonly float* Totals;

    public AttentionScratch(float* memory, int headSize)
    {
        nint padded = PaddedHead(headSize);
        Queries = Take(ref memory, (nint)MostQueries * headSize);
        Keys = Take(ref memory, (nint)Chunk * headSize);
        Values = Take(ref memory, Chunk * padded);
        Scores = Take(ref memory, TileTable.MostRows * Chunk);
        Weights = Take(ref memory, TileTable.MostRows * Chunk);
        Bias = Take(ref memory, Chunk);
        Sums = Take(ref memory, MostQueries * padded);
        Largest = Take(ref memory, MostQueries);
        Totals = Take(ref memory, MostQueries);
    }

    /// <summary>A head's width up to whole panels.</summary>
    public static int PaddedHead(int headSize) => (headSize + Panel<S>.Width - 1) / Panel<S>.Width * Panel<S>.Width;

    /// <summary>Floats that a worker needs.</summary>
    public static nint Length(int headSize)
    {
        float* end = new AttentionScratch<S>(null, headSize).Totals + MostQueries;
        return (nint)((long)end / sizeof(float)) + 16;
    }

    // Parts begin on cache lines.
    private static float* Take(ref float* memory, nint floats)
    {
        float* part = memory;
        memory += (floats + 15) & ~(nint)15;
        return part;
    }
}
