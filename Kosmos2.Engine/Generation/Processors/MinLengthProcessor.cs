namespace Kosmos2.Engine.Generation;

/// <summary><c>min_length</c> and <c>min_new_tokens</c>: no end-of-sequence token before the sequence is long enough.</summary>
internal sealed class MinLengthProcessor(int minLength, int minNewTokens, int[] endOfSequence) : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores)
    {
        if (sequence.Tokens.Length >= minLength && sequence.NewTokens.Length >= minNewTokens)
            return;
        foreach (int token in endOfSequence)
            scores[token] = float.NegativeInfinity;
    }
}
