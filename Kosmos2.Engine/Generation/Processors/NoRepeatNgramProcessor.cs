namespace Kosmos2.Engine.Generation;

/// <summary><c>no_repeat_ngram_size</c>: forbids every token that would repeat a run of n tokens of the sequence, prompt included.</summary>
/// <remarks>The runs are looked up in the sequence's own <see cref="NgramIndex"/>; the greedy path hands the same tokens to the device as bans.</remarks>
internal sealed class NoRepeatNgramProcessor : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores)
    {
        foreach (int token in sequence.Ngrams!.Followers(sequence.Tokens))
            scores[token] = float.NegativeInfinity;
    }
}
