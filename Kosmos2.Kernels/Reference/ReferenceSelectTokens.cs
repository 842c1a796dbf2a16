namespace Kosmos2.Kernels.Reference;

/// <summary>ids[i] = the first t with the largest logits[i, t] among the t that are not banned for output i, a NaN taken for minus infinity; -1 when all are banned.</summary>
internal static class ReferenceSelectTokens
{
    public static void Run(StepTable step, Tensor logits, Span<int> ids)
    {
        for (int i = 0; i < step.OutputCount; i++)
        {
            ReadOnlySpan<int> bans = step.Bans[step.BanStarts[i]..step.BanStarts[i + 1]];
            ReadOnlySpan<float> row = logits.Row(i);
            int best = -1;
            for (int t = 0; t < row.Length; t++)
            {
                if (!bans.Contains(t) && (best < 0 || Value(row[t]) > Value(row[best])))
                    best = t;
            }
            ids[i] = best;
        }
    }

    private static float Value(float logit) => float.IsNaN(logit) ? float.NegativeInfinity : logit;
}
