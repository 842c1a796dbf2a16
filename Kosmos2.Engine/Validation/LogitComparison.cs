namespace Kosmos2.Engine.Validation;

/// <summary>Compares rows of logits of two models as they come: how far apart the distributions over the next token are.</summary>
internal sealed class LogitComparison
{
    private readonly List<double> _divergences = [];
    private int _sameTop;
    private double _largestChange;
    private double _difference;
    private double _norm;

    /// <summary>Rows so far.</summary>
    public int Rows => _divergences.Count;

    /// <summary>Takes a row of each.</summary>
    /// <param name="actual">Logits of the model under test.</param>
    /// <param name="reference">As many of the reference.</param>
    public void Add(ReadOnlySpan<float> actual, ReadOnlySpan<float> reference)
    {
        if (actual.Length != reference.Length)
            throw new ArgumentException($"{actual.Length} logits, the reference has {reference.Length}", nameof(actual));
        (double top, double sum, int best) = LogSum(actual);
        (double topReference, double sumReference, int bestReference) = LogSum(reference);
        double divergence = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double logP = reference[i] - topReference - sumReference, logQ = actual[i] - top - sum, p = Math.Exp(logP);
            divergence += p * (logP - logQ);
            _largestChange = Math.Max(_largestChange, Math.Abs(p - Math.Exp(logQ)));
            _difference += Math.Pow((double)actual[i] - reference[i], 2);
            _norm += Math.Pow(reference[i], 2);
        }
        // Rounding may leave a hair below 0.
        _divergences.Add(Math.Max(divergence, 0));
        _sameTop += best == bestReference ? 1 : 0;
    }

    /// <summary>What the rows come to.</summary>
    /// <exception cref="InvalidOperationException">There was no row.</exception>
    public LogitStatistics Finish()
    {
        if (Rows == 0)
            throw new InvalidOperationException("no row of logits was compared");
        double[] sorted = [.. _divergences.Order()];
        return new LogitStatistics(
            Rows, sorted.Average(), Quantile(sorted, 0.5), Quantile(sorted, 0.999), (double)_sameTop / Rows, _largestChange, Math.Sqrt(_difference / _norm));
    }

    // Between two values where the place falls between them.
    private static double Quantile(double[] sorted, double share)
    {
        double place = share * (sorted.Length - 1);
        int below = (int)place, above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
    }

    private static (double Top, double LogSum, int Best) LogSum(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            if (logits[i] > logits[best])
                best = i;
        }
        double sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp((double)logit - logits[best]);
        return (logits[best], Math.Log(sum), best);
    }
}
