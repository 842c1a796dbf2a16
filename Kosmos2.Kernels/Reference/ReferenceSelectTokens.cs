using System.Runtime.InteropServices;

namespace Kosmos2.Kernels.Reference;

/// <summary>
/// ids[i] = the first t with the largest logits[i, t] among the t that are neither banned for output i nor forbidden by its <see cref="TokenRule"/>, or the
/// one that its <see cref="TokenChoice"/> draws; -1 when there is none. A NaN is taken for minus infinity, which a rule lets no token be. Shares are summed in
/// double precision over a sorted row.
/// </summary>
internal static class ReferenceSelectTokens
{
    private const double Fraction = 1.0 / (1L << 32);

    public static void Run(StepTable step, Tensor logits, Span<int> results, TokenClasses? classes)
    {
        ReadOnlySpan<sbyte> numbers = classes is null ? default : classes.Numbers.AsSpan<sbyte>();
        TokenGrid grid = classes?.Grid ?? default;
        for (int i = 0; i < step.OutputCount; i++)
        {
            ReadOnlySpan<float> row = logits.Row(i);
            TokenRule rule = step.Rules[i];
            HashSet<int> forbidden = Forbidden(rule, numbers, grid);
            forbidden.UnionWith(step.Bans[step.BanStarts[i]..step.BanStarts[i + 1]].ToArray());
            HashSet<int> penalised = [.. step.Penalised[step.PenalisedStarts[i]..step.PenalisedStarts[i + 1]]];
            results[i] = Choose(row, step.Choices[i], penalised, forbidden, rule.IsNarrow);
            if (rule.Reading != TokenReading.None)
                Tell(rule, row, results[i], grid, MemoryMarshal.Cast<int, float>(results[(step.OutputCount + rule.Place)..]));
        }
    }

    /// <summary>The tokens that a rule does not allow.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="classes">[vocabulary] the tokens' classes; empty where the rule allows all.</param>
    /// <param name="grid">The vocabulary's grid.</param>
    public static HashSet<int> Forbidden(TokenRule rule, ReadOnlySpan<sbyte> classes, TokenGrid grid)
    {
        HashSet<int> forbidden = [];
        for (int t = 0; t < classes.Length; t++)
        {
            if (!rule.Allows(t, classes[t], grid))
                forbidden.Add(t);
        }
        return forbidden;
    }

    /// <summary>The token of one output.</summary>
    public static int Choose(ReadOnlySpan<float> logits, TokenChoice choice, HashSet<int> penalised, HashSet<int> forbidden, bool isNarrow)
    {
        if (choice.IsDrawn)
            return Draw(logits, choice, penalised, forbidden);
        int best = Likeliest(logits, forbidden);
        return isNarrow && best >= 0 && Value(logits[best]) == float.NegativeInfinity ? -1 : best;
    }

    /// <summary>Writes what a rule tells.</summary>
    public static void Tell(TokenRule rule, ReadOnlySpan<float> logits, int token, TokenGrid grid, Span<float> told)
    {
        if (rule.Reading == TokenReading.Probability)
            told[0] = token < 0 ? float.NaN : (float)Probability(logits, token);
        else if (rule.Reading == TokenReading.Grid)
            logits.Slice(grid.First, grid.Cells).CopyTo(told);
    }

    private static double Probability(ReadOnlySpan<float> logits, int token)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float logit in logits)
            largest = Math.Max(largest, logit);
        foreach (float logit in logits)
            sum += Math.Exp(logit - largest);
        return Math.Exp(logits[token] - largest) / sum;
    }

    private static int Likeliest(ReadOnlySpan<float> logits, HashSet<int> forbidden)
    {
        int best = -1;
        for (int t = 0; t < logits.Length; t++)
        {
            if (!forbidden.Contains(t) && (best < 0 || Value(logits[t]) > Value(logits[best])))
                best = t;
        }
        return best;
    }

    private static int Draw(ReadOnlySpan<float> logits, TokenChoice choice, HashSet<int> penalised, HashSet<int> forbidden)
    {
        var candidates = new List<(float Score, int Token)>();
        for (int t = 0; t < logits.Length; t++)
        {
            float penalty = penalised.Contains(t) ? choice.Penalty : 1;
            float score = Value(logits[t]);
            score = (score < 0 ? score * penalty : score / penalty) / choice.Temperature;
            if (score != float.NegativeInfinity && !forbidden.Contains(t))
                candidates.Add((score, t));
        }
        if (candidates.Count == 0)
            return -1;
        candidates.Sort(); // by score, then by id
        float largest = candidates[^1].Score;
        float kth = candidates[Math.Max(0, candidates.Count - choice.TopK)].Score;
        candidates.RemoveAll(c => c.Score < kth);

        double tail = choice.Tail * Fraction * candidates.Sum(Share);
        double cut = Share(candidates[0]);
        while (candidates.Count > 1 && cut <= tail)
        {
            candidates.RemoveAt(0);
            cut += Share(candidates[0]);
        }

        double left = choice.Uniform * Fraction * candidates.Sum(Share);
        foreach ((float Score, int Token) candidate in candidates.OrderBy(c => c.Token))
        {
            left -= Share(candidate);
            if (left < 0)
                return candidate.Token;
        }
        return candidates[^1].Token;

        double Share((float Score, int Token) candidate) => candidate.Score == largest ? 1 : Math.Exp((double)candidate.Score - largest);
    }

    private static float Value(float logit) => float.IsNaN(logit) ? float.NegativeInfinity : logit;
}
