namespace Kosmos2.Engine.Generation;

/// <summary>
/// Where a corner of a box may be, by the model: softmax of its logits over the patches that can be that corner. Those are all patches of the
/// grid for an upper left corner, and for a lower right one those neither left of nor above the upper left one that was chosen.
/// </summary>
internal sealed class PatchDistribution
{
    /// <summary>Patches less likely than this are not kept; together they are seldom worth a hundredth.</summary>
    private const double Negligible = 1e-4;

    private readonly List<(int Patch, double Probability)> _likely = [];

    private PatchDistribution()
    {
    }

    /// <summary>The likely patches and their probabilities.</summary>
    public IReadOnlyList<(int Patch, double Probability)> Likely => _likely;

    /// <summary>Expected column, in patches.</summary>
    public double Column { get; private set; }

    /// <summary>Expected row, in patches.</summary>
    public double Row { get; private set; }

    /// <summary>The distribution of the corner that comes next.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="state">Before the corner.</param>
    /// <param name="chosen">The patch that was chosen.</param>
    /// <param name="logits">[patches] logits or log probabilities.</param>
    /// <param name="probability">The chosen patch's; 0 where it cannot be that corner.</param>
    /// <returns>Null where the logits are no numbers.</returns>
    public static PatchDistribution? Of(GroundingGrammar grammar, GroundingState state, int chosen, ReadOnlySpan<float> logits, out double probability)
    {
        double max = double.NegativeInfinity, sum = 0;
        for (int patch = 0; patch < logits.Length; patch++)
        {
            if (grammar.IsCorner(state, patch))
                max = Math.Max(max, logits[patch]);
        }
        var distribution = new PatchDistribution();
        double column = 0, row = 0;
        for (int patch = 0; patch < logits.Length; patch++)
        {
            if (!grammar.IsCorner(state, patch))
                continue;
            double weight = Math.Exp(logits[patch] - max);
            sum += weight;
            column += weight * (patch % grammar.Side);
            row += weight * (patch / grammar.Side);
        }
        probability = 0;
        if (!double.IsFinite(sum))
            return null;
        for (int patch = 0; patch < logits.Length; patch++)
        {
            if (!grammar.IsCorner(state, patch))
                continue;
            double share = Math.Exp(logits[patch] - max) / sum;
            if (patch == chosen)
                probability = share;
            if (share >= Negligible)
                distribution._likely.Add((patch, share));
        }
        (distribution.Column, distribution.Row) = (column / sum, row / sum);
        return distribution;
    }

    /// <summary>A corner that could be nowhere else.</summary>
    public static PatchDistribution Certain(GroundingGrammar grammar, int patch)
    {
        var distribution = new PatchDistribution { Column = patch % grammar.Side, Row = patch / grammar.Side };
        distribution._likely.Add((patch, 1));
        return distribution;
    }
}
