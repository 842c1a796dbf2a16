namespace Kosmos2.Engine.Generation;

/// <summary>A processor that forbids tokens and does nothing else.</summary>
internal abstract class BanProcessor : IDeviceProcessor
{
    private readonly TokenLists _bans = new();

    public abstract void Ban(in SequenceView sequence, TokenLists bans);

    public void Process(in SequenceView sequence, Span<float> scores)
    {
        _bans.Clear();
        Ban(sequence, _bans);
        foreach (int token in _bans.All)
            scores[token] = float.NegativeInfinity;
    }
}
