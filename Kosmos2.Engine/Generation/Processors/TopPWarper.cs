namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>top_p</c> (Holtzman et al. 2020, nucleus sampling): keeps the fewest likely tokens whose probabilities add up to p. Counted as Hugging
/// Face does, from the unlikely end: a token goes while the sum up to it is at most 1 - p.
/// </summary>
internal sealed class TopPWarper(float topP, int vocabularySize, int minTokensToKeep) : ScoreWarper(vocabularySize, minTokensToKeep)
{
    public override void Process(in SequenceView sequence, Span<float> scores)
    {
        ReadOnlySpan<float> probabilities = Probabilities(scores);
        ReadOnlySpan<ulong> ascending = Ascending(scores, scores);
        double sum = 0;
        foreach (ulong entry in ascending[..Math.Max(0, ascending.Length - MinTokensToKeep)])
        {
            int token = Token(entry);
            sum += probabilities[token];
            if ((float)sum > 1 - topP)
                break;
            scores[token] = float.NegativeInfinity;
        }
    }
}
