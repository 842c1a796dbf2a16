namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>One piece of attention: some queries of one head.</summary>
internal unsafe struct AttentionItem
{
    /// <summary>First query's part for this head.</summary>
    public float* Queries;

    /// <summary>First output's part for this head.</summary>
    public float* Outputs;

    /// <summary>Floats from one query or output to the next.</summary>
    public nint Stride;

    /// <summary>Number of queries, at most <see cref="AttentionScratch{S}.MostQueries"/>.</summary>
    public int Count;

    /// <summary>Keys that the first query sees.</summary>
    public int Visible;

    /// <summary>How many more keys each further query sees: 1 under a causal mask, otherwise 0.</summary>
    public int VisibleStep;

    /// <summary>First query's row of probabilities, or null.</summary>
    public float* Probabilities;

    /// <summary>Length of a row of probabilities.</summary>
    public int ProbabilityWidth;

    /// <summary>Keys that a query sees.</summary>
    public readonly int VisibleTo(int query) => Visible + (query * VisibleStep);
}
