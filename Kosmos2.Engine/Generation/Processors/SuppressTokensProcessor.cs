namespace Kosmos2.Engine.Generation;

/// <summary><c>suppress_tokens</c>: forbids tokens.</summary>
internal sealed class SuppressTokensProcessor(int[] tokens) : BanProcessor
{
    public override void Ban(in SequenceView sequence, TokenLists bans) => bans.Add(tokens);
}
