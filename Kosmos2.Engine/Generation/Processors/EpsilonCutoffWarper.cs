namespace Kosmos2.Engine.Generation;

/// <summary><c>epsilon_cutoff</c> (Hewitt et al. 2022): keeps tokens of at least this probability.</summary>
internal sealed class EpsilonCutoffWarper(float epsilon, int vocabularySize, int minTokensToKeep) : ScoreWarper(vocabularySize, minTokensToKeep)
{
    public override void Process(in SequenceView sequence, Span<float> scores) => RemoveBelow(scores, Probabilities(scores), epsilon);
}
