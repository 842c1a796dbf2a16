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

        Span<ulong> entries = Entries(_distance, scores);
        if (entries.IsEmpty)
            return;
        // The last token kept is the one with which the sum reaches the mass; tokens as typical as it stay too.
        int last = MassSelection.TakeSmallest(entries, probabilities, MathF.BitDecrement(mass), entries.Length - 1);
        float bound = _distance[Token(entries[last])];
        Span<ulong> others = entries[(last + 1)..];
        others = others[MassSelection.TakeSmallest(others, probabilities, float.PositiveInfinity, Math.Clamp(MinTokensToKeep - last - 1, 0, others.Length))..];
        foreach (ulong entry in others)
        {
            if (_distance[Token(entry)] > bound)
                scores[Token(entry)] = float.NegativeInfinity;
        }
    }
}
