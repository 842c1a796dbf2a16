namespace Kosmos2.Engine.Generation;

/// <summary>For each running sequence, tokens that may not come next. Filled anew each step, without allocating once it has grown.</summary>
internal sealed class TokenBans
{
    private int[] _tokens = new int[64];
    private int[] _starts = new int[9];

    /// <summary>Sequences described so far.</summary>
    public int SequenceCount { get; private set; }

    /// <summary>Bans of all sequences together.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Bans of one sequence.</summary>
    public ReadOnlySpan<int> this[int sequence] => _tokens.AsSpan(_starts[sequence].._starts[sequence + 1]);

    /// <summary>Forgets all sequences.</summary>
    public void Clear()
    {
        SequenceCount = 0;
        TokenCount = 0;
    }

    /// <summary>Adds a ban for the sequence being described.</summary>
    public void Add(int token)
    {
        if (TokenCount == _tokens.Length)
            Array.Resize(ref _tokens, TokenCount * 2);
        _tokens[TokenCount++] = token;
    }

    /// <summary>Ends the description of a sequence and begins the next.</summary>
    public void EndSequence()
    {
        if (SequenceCount + 2 > _starts.Length)
            Array.Resize(ref _starts, _starts.Length * 2);
        _starts[++SequenceCount] = TokenCount;
    }
}
