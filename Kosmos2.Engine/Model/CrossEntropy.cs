namespace Kosmos2.Engine.Model;

/// <summary>The language-modelling loss: mean of -log p(next token) over the positions that have a label.</summary>
internal static class CrossEntropy
{
    /// <summary>Hugging Face's mark of a position without a label.</summary>
    public const int Ignore = -100;

    /// <summary>Mean loss of one padded batch; NaN when no position has a label, as in PyTorch.</summary>
    /// <param name="logits">[batch, length, vocabulary].</param>
    /// <param name="labels">[batch][length]; the label of a position is predicted by the row before it.</param>
    /// <param name="vocabulary">Length of a row of logits.</param>
    public static double Mean(ReadOnlySpan<float> logits, int[][] labels, int vocabulary)
    {
        double sum = 0;
        int count = 0;
        for (int b = 0; b < labels.Length; b++)
        {
            for (int t = 1; t < labels[b].Length; t++)
            {
                int label = labels[b][t];
                if (label == Ignore)
                    continue;
                ReadOnlySpan<float> row = logits.Slice(((b * labels[b].Length) + t - 1) * vocabulary, vocabulary);
                sum += LogSumExp(row) - row[label];
                count++;
            }
        }
        return sum / count;
    }

    /// <summary>log(sum(exp(row))): what a row's logits are above its log probabilities.</summary>
    public static double LogSumExp(ReadOnlySpan<float> row)
    {
        double max = double.NegativeInfinity, sum = 0;
        foreach (float x in row)
            max = Math.Max(max, x);
        foreach (float x in row)
            sum += Math.Exp(x - max);
        return max + Math.Log(sum);
    }
}
