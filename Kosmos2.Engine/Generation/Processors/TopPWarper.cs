using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>top_p</c> (Holtzman et al. 2020, nucleus sampling): keeps the fewest likely tokens whose probabilities add up to p. Counted as Hugging
/// Face does, from the unlikely end: a token goes while the sum up to it is at most 1 - p.
/// </summary>
internal sealed class TopPWarper(float topP, int vocabularySize, int minTokensToKeep) : ScoreWarper(vocabularySize, minTokensToKeep), IDeviceProcessor
{
    public TokenChoice AddTo(TokenChoice choice) => choice with { Tail = TokenChoice.Fraction(1 - topP) };

    public override void Process(in SequenceView sequence, Span<float> scores)
    {
        ReadOnlySpan<float> probabilities = Probabilities(scores);
        Span<ulong> entries = Entries(scores, scores);
        int gone = MassSelection.TakeSmallest(entries, probabilities, 1 - topP, Math.Max(0, entries.Length - MinTokensToKeep));
        foreach (ulong entry in entries[..gone])
            scores[Token(entry)] = float.NegativeInfinity;
    }
}
