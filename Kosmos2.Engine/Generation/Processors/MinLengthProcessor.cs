namespace Kosmos2.Engine.Generation;

/// <summary><c>min_length</c> and <c>min_new_tokens</c>: no end-of-sequence token before the sequence is long enough.</summary>
internal sealed class MinLengthProcessor(int minLength, int minNewTokens, int[] endOfSequence) : BanProcessor
{
    public override void Ban(in SequenceView sequence, TokenLists bans)
    {
        if (sequence.Tokens.Length < minLength || sequence.NewTokens.Length < minNewTokens)
            bans.Add(endOfSequence);
    }
}
