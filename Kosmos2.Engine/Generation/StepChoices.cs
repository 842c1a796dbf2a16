using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>For each running sequence, how the device chooses what comes next. Filled anew each step, without allocating once it has grown.</summary>
internal sealed class StepChoices
{
    private TokenChoice[] _choices = new TokenChoice[8];
    private TokenRule[] _rules = new TokenRule[8];

    /// <summary>Sequences described so far.</summary>
    public int SequenceCount { get; private set; }

    /// <summary>Whose kinds of tokens the rules name; null where they name none.</summary>
    public GroundingGrammar? Grammar { get; set; }

    /// <summary>Numbers that the rules ask for.</summary>
    public int ToldCount { get; private set; }

    /// <summary>Tokens that may not come.</summary>
    public TokenLists Bans { get; } = new();

    /// <summary>Tokens that a repetition penalty makes less likely.</summary>
    public TokenLists Penalised { get; } = new();

    /// <summary>How a sequence's token is chosen.</summary>
    public TokenChoice this[int sequence] => _choices[sequence];

    /// <summary>Which tokens may come by their kinds, and what the device is to tell of the one that it chooses.</summary>
    public TokenRule RuleOf(int sequence) => _rules[sequence];

    /// <summary>Forgets all sequences.</summary>
    public void Clear()
    {
        SequenceCount = ToldCount = 0;
        Grammar = null;
        Bans.Clear();
        Penalised.Clear();
    }

    /// <summary>Ends the description of a sequence and begins the next.</summary>
    /// <param name="choice">How its token is chosen.</param>
    /// <param name="rule">What may come and what is told; its place is found here.</param>
    public void EndSequence(TokenChoice choice = default, TokenRule rule = default)
    {
        if (SequenceCount == _choices.Length)
        {
            Array.Resize(ref _choices, SequenceCount * 2);
            Array.Resize(ref _rules, SequenceCount * 2);
        }
        _choices[SequenceCount] = choice;
        _rules[SequenceCount++] = rule with { Place = ToldCount };
        ToldCount += rule.Numbers(Grammar?.PatchCount);
        Bans.EndList();
        Penalised.EndList();
    }
}

/// <summary>Lists of tokens, one behind another.</summary>
internal sealed class TokenLists
{
    private int[] _tokens = new int[64];
    private int[] _starts = new int[9];
    private int _lists;

    /// <summary>Tokens of all lists together.</summary>
    public int TokenCount { get; private set; }

    /// <summary>One of the lists that have ended.</summary>
    public ReadOnlySpan<int> this[int list] => _tokens.AsSpan(_starts[list].._starts[list + 1]);

    /// <summary>The tokens of all lists.</summary>
    public ReadOnlySpan<int> All => _tokens.AsSpan(0, TokenCount);

    /// <summary>Forgets all lists.</summary>
    public void Clear() => _lists = TokenCount = 0;

    /// <summary>Adds a token to the current list.</summary>
    public void Add(int token) => Add([token]);

    /// <summary>Adds tokens to the current list.</summary>
    public void Add(ReadOnlySpan<int> tokens)
    {
        if (TokenCount + tokens.Length > _tokens.Length)
            Array.Resize(ref _tokens, (TokenCount + tokens.Length) * 2);
        tokens.CopyTo(_tokens.AsSpan(TokenCount));
        TokenCount += tokens.Length;
    }

    /// <summary>Ends the current list and begins the next.</summary>
    public void EndList()
    {
        if (_lists + 2 > _starts.Length)
            Array.Resize(ref _starts, _starts.Length * 2);
        _starts[++_lists] = TokenCount;
    }
}
