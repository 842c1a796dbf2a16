using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>
/// results[i] = the first index of the largest logit of row i that is not banned, -1 when all are. NaN and minus infinity are chosen only when nothing
/// else may be: then the first index that is not banned, or -1 where a rule allows some tokens only. Rows whose token is drawn are
/// <see cref="TokenDraw{S}"/>'s. Behind the ids comes what rules tell.
/// </summary>
/// <remarks>
/// Bans become bits. The scan compares whole vectors with the best so far and looks at single lanes, at the bits and at the rule only where one is larger.
/// </remarks>
internal unsafe struct SelectTokensJob<S> : IJob
    where S : unmanaged, ISimd<S>
{
    /// <summary>[Outputs, Vocabulary].</summary>
    public float* Logits;
    public int* Results;
    public int Outputs;
    public int Vocabulary;
    public int* BanStarts;
    public int* Bans;
    public TokenChoice* Choices;
    public TokenRule* Rules;

    /// <summary>[Vocabulary], or null where no rule asks.</summary>
    public sbyte* Classes;
    public TokenGrid Grid;
    public int* PenalisedStarts;
    public int* Penalised;

    /// <summary>For each worker, bits for the vocabulary, and what drawing takes.</summary>
    public float* Scratch;
    public nint ScratchStride;

    /// <summary>Floats of scratch that a worker needs.</summary>
    public static nint ScratchLength(int vocabulary, bool draws) => BitsLength(vocabulary) + (draws ? TokenDraw<S>.ScratchLength(vocabulary) : 0);

    public readonly void Run(int worker, int workers)
    {
        uint* banned = (uint*)(Scratch + (worker * ScratchStride));
        new Span<uint>(banned, (int)BitsLength(Vocabulary)).Clear();
        var draw = new TokenDraw<S>((float*)banned + BitsLength(Vocabulary), Vocabulary);
        int end = (int)((long)Outputs * (worker + 1) / workers);
        for (int i = (int)((long)Outputs * worker / workers); i < end; i++)
        {
            var bans = new ReadOnlySpan<int>(Bans + BanStarts[i], BanStarts[i + 1] - BanStarts[i]);
            float* logits = Logits + ((nint)i * Vocabulary);
            var allowed = new AllowedTokens(Rules[i], Classes, Grid);
            if (Choices[i].IsDrawn)
            {
                var penalised = new ReadOnlySpan<int>(Penalised + PenalisedStarts[i], PenalisedStarts[i + 1] - PenalisedStarts[i]);
                Results[i] = draw.Draw(logits, Choices[i], penalised, bans, allowed);
            }
            else
            {
                foreach (int ban in bans)
                    banned[ban >> 5] |= 1u << ban;
                Results[i] = Best(logits, banned, allowed);
                foreach (int ban in bans)
                    banned[ban >> 5] = 0;
            }
            Tell(Rules[i], logits, Results[i], (float*)Results + Outputs + Rules[i].Place);
        }
    }

    // Whole lines, so that what follows is aligned.
    private static nint BitsLength(int vocabulary) => ((vocabulary / 32) + 16) & ~15;

    private readonly void Tell(TokenRule rule, float* logits, int token, float* told)
    {
        if (rule.Reading == TokenReading.Probability)
            *told = token < 0 ? float.NaN : TokenProbability.Of<S>(logits, Vocabulary, token);
        else if (rule.Reading == TokenReading.Grid)
            new ReadOnlySpan<float>(logits + Grid.First, Grid.Cells).CopyTo(new(told, Grid.Cells));
    }

    private readonly int Best(float* logits, uint* banned, AllowedTokens allowed)
    {
        float largest = float.NegativeInfinity;
        int best = -1;
        int i = 0;
        for (; i <= Vocabulary - S.Width; i += S.Width)
        {
            if (S.AnyGreater(S.Load(logits + i), S.Broadcast(largest)))
                Improve(logits, banned, allowed, i, i + S.Width, ref best, ref largest);
        }
        Improve(logits, banned, allowed, i, Vocabulary, ref best, ref largest);
        return best >= 0 || allowed.AreNarrow ? best : FirstAllowed(banned);
    }

    private static void Improve(float* logits, uint* banned, AllowedTokens allowed, int start, int end, ref int best, ref float largest)
    {
        for (int t = start; t < end; t++)
        {
            if (logits[t] > largest && !IsBanned(banned, t) && allowed.Include(t))
                (best, largest) = (t, logits[t]);
        }
    }

    private readonly int FirstAllowed(uint* banned)
    {
        for (int t = 0; t < Vocabulary; t++)
        {
            if (!IsBanned(banned, t))
                return t;
        }
        return -1;
    }

    private static bool IsBanned(uint* banned, int token) => (banned[token >> 5] >> (token & 31) & 1) != 0;
}
