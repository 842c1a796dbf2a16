namespace Kosmos2.Kernels.Reference;

/// <summary>
/// ids[i] = the first t with the largest logits[i, t] among the t that are not banned for output i, or the one that its <see cref="TokenChoice"/> draws;
/// -1 when there is none. A NaN is taken for minus infinity. Shares are summed in double precision over a sorted row.
/// </summary>
internal static class ReferenceSelectTokens
{
    private const double Fraction = 1.0 / (1L << 32);

    public static void Run(StepTable step, Tensor logits, Span<int> ids)
    {
        for (int i = 0; i < step.OutputCount; i++)
        {
            ReadOnlySpan<int> bans = step.Bans[step.BanStarts[i]..step.BanStarts[i + 1]];
            ReadOnlySpan<int> penalised = step.Penalised[step.PenalisedStarts[i]..step.PenalisedStarts[i + 1]];
            ids[i] = Choose(logits.Row(i), step.Choices[i], penalised, bans);
        }
    }

    /// <summary>The token of one output.</summary>
    public static int Choose(ReadOnlySpan<float> logits, TokenChoice choice, ReadOnlySpan<int> penalised, ReadOnlySpan<int> bans) =>
        choice.IsDrawn ? Draw(logits, choice, penalised, bans) : Likeliest(logits, bans);

    private static int Likeliest(ReadOnlySpan<float> logits, ReadOnlySpan<int> bans)
    {
        int best = -1;
        for (int t = 0; t < logits.Length; t++)
        {
            if (!bans.Contains(t) && (best < 0 || Value(logits[t]) > Value(logits[best])))
                best = t;
        }
        return best;
    }

    private static int Draw(ReadOnlySpan<float> logits, TokenChoice choice, ReadOnlySpan<int> penalised, ReadOnlySpan<int> bans)
    {
        var candidates = new List<(float Score, int Token)>();
        for (int t = 0; t < logits.Length; t++)
        {
            float penalty = penalised.Contains(t) ? choice.Penalty : 1;
            float score = Value(logits[t]);
            score = (score < 0 ? score * penalty : score / penalty) / choice.Temperature;
            if (score != float.NegativeInfinity && !bans.Contains(t))
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
