namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>begin_suppress_tokens</c>: forbids tokens as the first new one, or as the second after a prompt of one token when
/// forced_bos_token_id already decides the first.
/// </summary>
internal sealed class BeginSuppressProcessor(int[] tokens, bool firstIsForced) : BanProcessor
{
    public override void Ban(in SequenceView sequence, TokenLists bans)
    {
        int first = firstIsForced && sequence.PromptLength == 1 ? 1 : 0;
        if (sequence.NewTokens.Length == first)
            bans.Add(tokens);
    }
}
