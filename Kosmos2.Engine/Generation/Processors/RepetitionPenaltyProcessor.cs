using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>repetition_penalty</c> (Keskar et al. 2019, CTRL): every token that occurs in the sequence, prompt included, is made less likely,
/// once however often it occurs: score / penalty above zero, score * penalty below.
/// </summary>
internal sealed class RepetitionPenaltyProcessor(float penalty, int vocabularySize) : IDeviceProcessor
{
    // One bit a token, all zero between calls.
    private readonly ulong[] _seen = new ulong[(vocabularySize + 63) / 64];

    public TokenChoice AddTo(TokenChoice choice) => choice with { Penalty = penalty };

    public void Process(in SequenceView sequence, Span<float> scores)
    {
        foreach (int token in sequence.Tokens)
        {
            ulong bit = 1UL << (token & 63);
            ref ulong word = ref _seen[token >> 6];
            if ((word & bit) != 0)
                continue;
            word |= bit;
            float score = scores[token];
            scores[token] = score < 0 ? score * penalty : score / penalty;
        }
        foreach (int token in sequence.Tokens)
            _seen[token >> 6] = 0;
    }
}
