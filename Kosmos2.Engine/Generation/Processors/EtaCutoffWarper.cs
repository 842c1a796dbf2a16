namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>eta_cutoff</c> (Hewitt et al. 2022): keeps tokens of probability at least min(epsilon, sqrt(epsilon) e^-H), H the distribution's entropy.
/// </summary>
internal sealed class EtaCutoffWarper(float epsilon, int vocabularySize, int minTokensToKeep) : ScoreWarper(vocabularySize, minTokensToKeep)
{
    private readonly float[] _logProbabilities = new float[vocabularySize];

    public override void Process(in SequenceView sequence, Span<float> scores)
    {
        ReadOnlySpan<float> probabilities = Probabilities(scores);
        scores.CopyTo(_logProbabilities);
        Softmax.LogInPlace(_logProbabilities);
        float entropy = Softmax.Entropy(_logProbabilities, probabilities);
        RemoveBelow(scores, probabilities, Math.Min(epsilon, MathF.Sqrt(epsilon) * MathF.Exp(-entropy)));
    }
}
