namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>typical_p</c> (Meister et al. 2022, locally typical sampling): orders tokens by how far their information -log p is from the
/// distribution's entropy, and keeps the first ones that add up to p.
/// </summary>
internal sealed class TypicalPWarper(float mass, int vocabularySize, int minTokensToKeep) : ScoreWarper(vocabularySize, minTokensToKeep)
{
    private readonly float[] _distance = new float[vocabularySize];

    public override void Process(in SequenceView sequence, Span<float> scores)
    {
        ReadOnlySpan<float> probabilities = Probabilities(scores);
        scores.CopyTo(_distance);
        Softmax.LogInPlace(_distance);
        float entropy = Softmax.Entropy(_distance, probabilities);
        foreach (ref float value in _distance.AsSpan())
            value = Math.Abs(-value - entropy);

        // The last token kept is the one with which the sum reaches the mass; tokens as typical as it stay too.
        ReadOnlySpan<ulong> typicalFirst = Ascending(_distance, scores);
        if (typicalFirst.IsEmpty)
            return;
        int last = 0;
        double sum = probabilities[Token(typicalFirst[0])];
        while ((float)sum < mass && last < typicalFirst.Length - 1)
            sum += probabilities[Token(typicalFirst[++last])];
        float bound = _distance[Token(typicalFirst[last])];
        foreach (ulong entry in typicalFirst[Math.Min(MinTokensToKeep, typicalFirst.Length)..])
        {
            if (_distance[Token(entry)] > bound)
                scores[Token(entry)] = float.NegativeInfinity;
        }
    }
}
