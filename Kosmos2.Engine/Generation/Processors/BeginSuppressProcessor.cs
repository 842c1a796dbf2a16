namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>begin_suppress_tokens</c>: forbids tokens as the first new one, or as the second after a prompt of one token when
/// forced_bos_token_id already decides the first.
/// </summary>
internal sealed class BeginSuppressProcessor(int[] tokens, bool firstIsForced) : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores)
    {
        int first = firstIsForced && sequence.PromptLength == 1 ? 1 : 0;
        if (sequence.NewTokens.Length != first)
            return;
        foreach (int token in tokens)
            scores[token] = float.NegativeInfinity;
    }
}
