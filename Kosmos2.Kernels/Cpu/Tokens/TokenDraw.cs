namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>
/// Draws a token as <see cref="TokenChoice"/> says. The bounds of top_k and top_p are found digit by digit from the top, each by a histogram of the entries
/// that share the digits so far: nothing is sorted, and after two digits few entries are left.
/// </summary>
internal unsafe struct TokenDraw
{
    private const int Digits = 256;

    private readonly int _vocabulary;
    private readonly ulong* _entries;   // [vocabulary] by id
    private readonly ulong* _active;    // [vocabulary] those in question
    private readonly ulong* _histogram; // [Digits]
    private float _largest;

    /// <param name="scratch"><see cref="ScratchLength"/> floats.</param>
    /// <param name="vocabulary">Logits in a row.</param>
    public TokenDraw(float* scratch, int vocabulary)
    {
        _vocabulary = vocabulary;
        _histogram = (ulong*)scratch;
        _entries = _histogram + Digits;
        _active = _entries + vocabulary;
    }

    /// <summary>Floats of scratch.</summary>
    public static nint ScratchLength(int vocabulary) => 2 * (Digits + (2 * (nint)vocabulary));

    /// <summary>The token, -1 where none can come.</summary>
    public int Draw(float* logits, TokenChoice choice, ReadOnlySpan<int> penalised, ReadOnlySpan<int> bans, AllowedTokens allowed)
    {
        for (int t = 0; t < _vocabulary; t++)
            _entries[t] = TokenEntry.Of(logits[t], t, 1, choice.Temperature);
        foreach (int t in penalised)
            _entries[t] = TokenEntry.Of(logits[t], t, choice.Penalty, choice.Temperature);
        foreach (int t in bans)
            _entries[t] = 0;
        ulong best = 0;
        for (int t = 0; t < _vocabulary; t++)
        {
            if (!allowed.Include(t))
                _entries[t] = 0;
            best = Math.Max(best, _entries[t]);
        }
        if (best == 0)
            return -1;
        _largest = TokenEntry.Score(best);

        ulong from = 1;
        if (choice.TopK < _vocabulary)
            from = Math.Max(from, Bound(Activate(from), (ulong)choice.TopK, lowest: 32, counts: true));
        int count = Activate(from);
        ulong sum = Sum(count);
        if (choice.Tail > 0)
        {
            from = Math.Max(from, Bound(count, Math.Max(1, sum - TokenEntry.Part(sum, choice.Tail)), lowest: 0, counts: false));
            sum = Sum(Activate(from));
        }
        return At(from, TokenEntry.Part(sum, choice.Uniform));
    }

    /// <summary>Gathers the entries from a bound on.</summary>
    private readonly int Activate(ulong from)
    {
        int count = 0;
        for (int t = 0; t < _vocabulary; t++)
        {
            if (_entries[t] >= from)
                _active[count++] = _entries[t];
        }
        return count;
    }

    /// <summary>What the active entries weigh.</summary>
    private readonly ulong Sum(int count)
    {
        ulong sum = 0;
        for (int i = 0; i < count; i++)
            sum += Weight(_active[i]);
        return sum;
    }

    /// <summary>The largest number, of digits from a lowest bit on, such that the active entries from it on are so many or weigh so much; 0 if they never do.</summary>
    private readonly ulong Bound(int count, ulong wanted, int lowest, bool counts)
    {
        ulong bound = 0;
        for (int shift = 56; shift >= lowest; shift -= 8)
        {
            new Span<ulong>(_histogram, Digits).Clear();
            for (int i = 0; i < count; i++)
                _histogram[(byte)(_active[i] >> shift)] += counts ? 1 : Weight(_active[i]);
            int digit = Digits - 1;
            for (; digit > 0 && _histogram[digit] < wanted; digit--)
                wanted -= _histogram[digit];
            bound |= (ulong)digit << shift;
            int left = 0;
            for (int i = 0; i < count; i++)
            {
                if ((byte)(_active[i] >> shift) == digit)
                    _active[left++] = _active[i];
            }
            count = left;
        }
        return bound;
    }

    /// <summary>The first token at which the weights of the entries from a bound on come to more than a target.</summary>
    private readonly int At(ulong from, ulong target)
    {
        ulong sum = 0;
        int t = -1;
        while (sum <= target)
        {
            if (_entries[++t] >= from)
                sum += Weight(_entries[t]);
        }
        return t;
    }

    private readonly ulong Weight(ulong entry)
    {
        float score = TokenEntry.Score(entry);
        return TokenEntry.Weight(score == _largest ? 1 : MathF.Exp(score - _largest));
    }
}
