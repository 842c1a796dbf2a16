namespace Kosmos2.Engine.Generation;

/// <summary>Leaves only the given tokens, with score 0, at one length of the sequence.</summary>
internal abstract class ForcedTokensProcessor(int[] tokens) : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores)
    {
        if (!AppliesTo(sequence))
            return;
        scores.Fill(float.NegativeInfinity);
        foreach (int token in tokens)
            scores[token] = 0;
    }

    private protected abstract bool AppliesTo(in SequenceView sequence);
}

/// <summary><c>forced_bos_token_id</c>: the token after a sequence of one token. Made for translation models, where that one is the start token.</summary>
internal sealed class ForcedBosProcessor(int token) : ForcedTokensProcessor([token])
{
    private protected override bool AppliesTo(in SequenceView sequence) => sequence.Tokens.Length == 1;
}

/// <summary><c>forced_eos_token_id</c>: the last token before the length limit.</summary>
internal sealed class ForcedEosProcessor(int[] tokens) : ForcedTokensProcessor(tokens)
{
    private protected override bool AppliesTo(in SequenceView sequence) => sequence.Tokens.Length == sequence.MaxLength - 1;
}
