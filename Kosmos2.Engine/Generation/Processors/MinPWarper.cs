namespace Kosmos2.Engine.Generation;

/// <summary><c>min_p</c> (Nguyen et al. 2024): keeps tokens with at least this fraction of the likeliest one's probability.</summary>
internal sealed class MinPWarper(float minP, int vocabularySize, int minTokensToKeep) : ScoreWarper(vocabularySize, minTokensToKeep)
{
    public override void Process(in SequenceView sequence, Span<float> scores)
    {
        ReadOnlySpan<float> probabilities = Probabilities(scores);
        RemoveBelow(scores, probabilities, minP * NthLargest(probabilities, 1));
    }
}
