namespace Kosmos2.Engine.Generation;

/// <summary><c>remove_invalid_values</c>: NaN becomes 0, infinities the largest and the smallest finite number.</summary>
internal sealed class InvalidValuesProcessor : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores)
    {
        foreach (ref float score in scores)
            score = float.IsNaN(score) ? 0 : Math.Clamp(score, float.MinValue, float.MaxValue);
    }
}
