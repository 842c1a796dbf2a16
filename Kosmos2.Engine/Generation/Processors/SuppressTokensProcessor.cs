namespace Kosmos2.Engine.Generation;

/// <summary><c>suppress_tokens</c>: forbids tokens.</summary>
internal sealed class SuppressTokensProcessor(int[] tokens) : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores)
    {
        foreach (int token in tokens)
            scores[token] = float.NegativeInfinity;
    }
}
