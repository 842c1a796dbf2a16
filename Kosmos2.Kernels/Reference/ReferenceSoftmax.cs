namespace Kosmos2.Kernels.Reference;

/// <summary>p[i] = exp(s[i] - max of s) / (sum over j of exp(s[j] - max of s)), in place.</summary>
internal static class ReferenceSoftmax
{
    public static void Run(Span<double> scores)
    {
        double largest = double.NegativeInfinity;
        foreach (double score in scores)
            largest = Math.Max(largest, score);
        double sum = 0;
        foreach (ref double score in scores)
        {
            score = Math.Exp(score - largest);
            sum += score;
        }
        foreach (ref double score in scores)
            score /= sum;
    }
}
