using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Mathematics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>
/// Draws a token as <see cref="TokenChoice"/> says. Nothing is sorted. What surely is not among the top_k, or in the tail that top_p cuts off, is left aside by comparing
/// whole vectors with a bound; among the few others the exact bounds are found digit by digit from the top, each by a histogram of those that share the digits so far.
/// </summary>
internal unsafe struct TokenDraw<S>
    where S : unmanaged, ISimd<S>
{
    private const int Digits = 256;

    // Each lane of so many vectors has a largest score: k of those are k tokens at least as likely as the least of them.
    private const int GroupVectors = 32;

    // A whole number of groups at every width.
    private const int Alignment = GroupVectors * 16;

    // Far more than an exponential's rounding.
    private const float Slack = 1e-3f;

    private readonly int _vocabulary;
    private readonly int _padded;
    private readonly ulong* _histogram; // [Digits]
    private readonly float* _scores;    // [padded] by id; later those of the candidates, in the order of their ids
    private readonly float* _groups;    // [padded / GroupVectors] the largest of each group
    private readonly float* _shares;    // [candidates] exp(score - largest)
    private readonly int* _ids;         // [candidates]
    private readonly int* _active;      // [candidates] those in question
    private float _largest;

    /// <param name="scratch"><see cref="ScratchLength"/> floats.</param>
    /// <param name="vocabulary">Logits in a row.</param>
    public TokenDraw(float* scratch, int vocabulary)
    {
        _vocabulary = vocabulary;
        _padded = Padded(vocabulary);
        _histogram = (ulong*)scratch;
        _scores = scratch + (2 * Digits);
        _groups = _scores + _padded;
        _shares = _groups + (_padded / GroupVectors);
        _ids = (int*)(_shares + _padded);
        _active = _ids + _padded;
    }

    /// <summary>Floats of scratch.</summary>
    public static nint ScratchLength(int vocabulary) => (2 * Digits) + (4 * (nint)Padded(vocabulary)) + (Padded(vocabulary) / GroupVectors);

    /// <summary>The token, -1 where none can come.</summary>
    public int Draw(float* logits, TokenChoice choice, ReadOnlySpan<int> penalised, ReadOnlySpan<int> bans, AllowedTokens allowed)
    {
        Score(logits, choice, penalised, bans, allowed);
        FindLargest();
        if (_largest == float.NegativeInfinity)
            return -1;

        int count;
        if (choice.TopK < _vocabulary)
        {
            count = Gather(Below(LeastOfTop(choice.TopK)));
            count = Keep(count, Bound(_scores, count, (ulong)choice.TopK, lowest: 32, counts: true));
        }
        else
        {
            count = Gather(float.NegativeInfinity);
        }
        Weigh(count);
        if (choice.Tail > 0)
        {
            ulong sum = Sum(count), tail = TokenEntry.Part(sum, choice.Tail);
            // All that are no likelier than the tail's mean over all of them are in it.
            int left = KeepFrom(count, _largest + MathF.Log((float)(tail / (ulong)count) / TokenEntry.Weight(1)) - Slack);
            count = Keep(left, Bound(_scores, left, Math.Max(1, sum - tail), lowest: 0, counts: false));
        }
        return At(TokenEntry.Part(Sum(count), choice.Uniform));
    }

    private static int Padded(int vocabulary) => (vocabulary + Alignment - 1) / Alignment * Alignment;

    /// <summary>The next number below a score, which it and its equals are larger than.</summary>
    private static float Below(float score) => MathF.BitDecrement(score);

    /// <summary>Scores by id; minus infinity or NaN for what cannot come.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Score(float* logits, TokenChoice choice, ReadOnlySpan<int> penalised, ReadOnlySpan<int> bans, AllowedTokens allowed)
    {
        S temperature = S.Broadcast(choice.Temperature);
        int t = 0;
        for (; t <= _vocabulary - S.Width; t += S.Width)
            (S.Load(logits + t) / temperature).Store(_scores + t);
        (S.LoadPartial(logits + t, _vocabulary - t) / temperature).StorePartial(_scores + t, _vocabulary - t);
        new Span<float>(_scores + _vocabulary, _padded - _vocabulary).Fill(float.NegativeInfinity);
        foreach (int token in penalised)
            _scores[token] = TokenEntry.Penalised(logits[token], choice.Penalty) / choice.Temperature;
        foreach (int token in bans)
            _scores[token] = float.NegativeInfinity;
        if (!allowed.AreNarrow)
            return;
        for (int token = 0; token < _vocabulary; token++)
        {
            if (!allowed.Include(token))
                _scores[token] = float.NegativeInfinity;
        }
    }

    /// <summary>The largest score, and in <see cref="_groups"/> that of each group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FindLargest()
    {
        S least = S.Broadcast(float.NegativeInfinity), all = least;
        float* maxima = _groups;
        for (int start = 0; start < _padded; start += GroupVectors * S.Width, maxima += S.Width)
        {
            S group = least;
            for (int i = 0; i < GroupVectors; i++)
                group = S.Max(S.Load(_scores + start + (i * S.Width)), group);
            group.Store(maxima);
            all = S.Max(group, all);
        }
        _largest = S.MaxLane(all);
    }

    /// <summary>A score such that at least k tokens have it or a larger one; minus infinity where the groups do not tell.</summary>
    private readonly float LeastOfTop(int k)
    {
        ulong bound = Bound(_groups, _padded / GroupVectors, (ulong)k, lowest: 32, counts: true);
        return bound == 0 ? float.NegativeInfinity : TokenEntry.Score(bound);
    }

    /// <summary>Gathers the tokens whose scores are larger than a bound: the candidates.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly int Gather(float bound)
    {
        S floor = S.Broadcast(bound);
        int count = 0;
        for (int start = 0; start < _padded; start += S.Width)
        {
            if (!S.AnyGreater(S.Load(_scores + start), floor))
                continue;
            for (int t = start; t < start + S.Width; t++)
            {
                float score = _scores[t];
                if (score > bound)
                {
                    // No further on than where it stood.
                    _scores[count] = score;
                    _ids[count++] = t;
                }
            }
        }
        return count;
    }

    /// <summary>The candidates' shares of the likeliest one's probability.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Weigh(int count)
    {
        S largest = S.Broadcast(_largest);
        for (int i = 0; i < count; i += S.Width)
            Exponential.EvaluateWeight(S.Load(_scores + i) - largest).Store(_shares + i);
    }

    // The difference of infinities is none.
    private readonly ulong Weight(int candidate) => TokenEntry.Weight(_scores[candidate] == _largest ? 1 : _shares[candidate]);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly ulong Sum(int count)
    {
        ulong sum = 0;
        for (int i = 0; i < count; i++)
            sum += Weight(i);
        return sum;
    }

    /// <summary>The largest number, of digits from a lowest bit on, such that the scores from it on are so many or weigh so much; 0 if they never do.</summary>
    /// <param name="scores">Of the candidates; or of groups, whose ids mean nothing, to be counted by their upper half.</param>
    /// <param name="count">How many.</param>
    /// <param name="wanted">Their number or weight.</param>
    /// <param name="lowest">Bit of the last digit.</param>
    /// <param name="counts">Whether they are counted.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly ulong Bound(float* scores, int count, ulong wanted, int lowest, bool counts)
    {
        ulong bound = 0;
        for (int i = 0; i < count; i++)
            _active[i] = i;
        for (int shift = 56; shift >= lowest; shift -= 8)
        {
            new Span<ulong>(_histogram, Digits).Clear();
            for (int i = 0; i < count; i++)
                _histogram[DigitOf(scores, _active[i], shift)] += counts ? 1 : Weight(_active[i]);
            int digit = Digits - 1;
            for (; digit > 0 && _histogram[digit] < wanted; digit--)
                wanted -= _histogram[digit];
            bound |= (ulong)digit << shift;
            int left = 0;
            for (int i = 0; i < count; i++)
            {
                // Written whether it stays or not: which do is as good as random, and a branch would be mispredicted.
                _active[left] = _active[i];
                left += DigitOf(scores, _active[i], shift) == digit ? 1 : 0;
            }
            count = left;
        }
        return bound;
    }

    private readonly byte DigitOf(float* scores, int candidate, int shift) => (byte)(TokenEntry.Of(scores[candidate], _ids[candidate]) >> shift);

    /// <summary>Keeps the candidates from a bound on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly int Keep(int count, ulong from)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            bool keeps = TokenEntry.Of(_scores[i], _ids[i]) >= from;
            Move(i, kept);
            kept += keeps ? 1 : 0;
        }
        return kept;
    }

    /// <summary>Keeps the candidates whose scores are at least so large.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly int KeepFrom(int count, float score)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            bool keeps = _scores[i] >= score;
            Move(i, kept);
            kept += keeps ? 1 : 0;
        }
        return kept;
    }

    private readonly void Move(int candidate, int place) =>
        (_scores[place], _shares[place], _ids[place]) = (_scores[candidate], _shares[candidate], _ids[candidate]);

    /// <summary>The first token at which the candidates' weights come to more than a target.</summary>
    private readonly int At(ulong target)
    {
        ulong sum = 0;
        int i = -1;
        while (sum <= target)
            sum += Weight(++i);
        return _ids[i];
    }
}
