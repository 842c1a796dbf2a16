using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary><c>top_k</c>: keeps the k highest scores, and all that equal the k-th.</summary>
internal sealed class TopKWarper(int topK, int vocabularySize, int minTokensToKeep) : ScoreWarper(vocabularySize, minTokensToKeep), IDeviceProcessor
{
    public TokenChoice AddTo(TokenChoice choice) => choice with { TopK = Math.Max(topK, MinTokensToKeep) };

    public override void Process(in SequenceView sequence, Span<float> scores)
    {
        float kept = NthLargest(scores, Math.Min(Math.Max(topK, MinTokensToKeep), scores.Length));
        foreach (ref float score in scores)
        {
            if (score < kept)
                score = float.NegativeInfinity;
        }
    }
}
