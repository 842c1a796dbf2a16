namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>exponential_decay_length_penalty</c>: past its start, the score s of each end-of-sequence token becomes s + |s| (factor^k - 1), where k
/// counts the tokens past the start.
/// </summary>
internal sealed class ExponentialDecayProcessor(ExponentialDecay decay, int[] endOfSequence) : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores)
    {
        int past = sequence.NewTokens.Length - decay.Start;
        if (past <= 0)
            return;
        float growth = (float)(Math.Pow(decay.Factor, past) - 1);
        foreach (int token in endOfSequence)
        {
            // A forbidden token stays forbidden: the formula would make it NaN.
            if (!float.IsNegativeInfinity(scores[token]))
                scores[token] += Math.Abs(scores[token]) * growth;
        }
    }
}
