using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>
/// ids[i] = the first index of the largest logit of row i that is not banned, -1 when all are. NaN and minus infinity are chosen only when nothing
/// else may be: then the first index that is not banned. Rows whose token is drawn are <see cref="TokenDraw"/>'s.
/// </summary>
/// <remarks>Bans become bits. The scan compares whole vectors with the best so far and looks at single lanes, and at the bits, only where one is larger.</remarks>
internal unsafe struct SelectTokensJob<S> : IJob
    where S : unmanaged, ISimd<S>
{
    /// <summary>[Outputs, Vocabulary].</summary>
    public float* Logits;
    public int* Ids;
    public int Outputs;
    public int Vocabulary;
    public int* BanStarts;
    public int* Bans;
    public TokenChoice* Choices;
    public int* PenalisedStarts;
    public int* Penalised;

    /// <summary>For each worker, bits for the vocabulary, and what drawing takes.</summary>
    public float* Scratch;
    public nint ScratchStride;

    /// <summary>Floats of scratch that a worker needs.</summary>
    public static nint ScratchLength(int vocabulary, bool draws) => BitsLength(vocabulary) + (draws ? TokenDraw.ScratchLength(vocabulary) : 0);

    public readonly void Run(int worker, int workers)
    {
        uint* banned = (uint*)(Scratch + (worker * ScratchStride));
        new Span<uint>(banned, (int)BitsLength(Vocabulary)).Clear();
        var draw = new TokenDraw((float*)banned + BitsLength(Vocabulary), Vocabulary);
        int end = (int)((long)Outputs * (worker + 1) / workers);
        for (int i = (int)((long)Outputs * worker / workers); i < end; i++)
        {
            var bans = new ReadOnlySpan<int>(Bans + BanStarts[i], BanStarts[i + 1] - BanStarts[i]);
            float* logits = Logits + ((nint)i * Vocabulary);
            if (Choices[i].IsDrawn)
            {
                Ids[i] = draw.Draw(logits, Choices[i], new(Penalised + PenalisedStarts[i], PenalisedStarts[i + 1] - PenalisedStarts[i]), bans);
                continue;
            }
            foreach (int ban in bans)
                banned[ban >> 5] |= 1u << ban;
            Ids[i] = Best(logits, banned);
            foreach (int ban in bans)
                banned[ban >> 5] = 0;
        }
    }

    // Whole lines, so that what follows is aligned.
    private static nint BitsLength(int vocabulary) => ((vocabulary / 32) + 16) & ~15;

    private readonly int Best(float* logits, uint* banned)
    {
        float largest = float.NegativeInfinity;
        int best = -1;
        int i = 0;
        for (; i <= Vocabulary - S.Width; i += S.Width)
        {
            if (S.AnyGreater(S.Load(logits + i), S.Broadcast(largest)))
                Improve(logits, banned, i, i + S.Width, ref best, ref largest);
        }
        Improve(logits, banned, i, Vocabulary, ref best, ref largest);
        return best >= 0 ? best : FirstAllowed(banned);
    }

    private static void Improve(float* logits, uint* banned, int start, int end, ref int best, ref float largest)
    {
        for (int t = start; t < end; t++)
        {
            if (logits[t] > largest && !IsBanned(banned, t))
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
