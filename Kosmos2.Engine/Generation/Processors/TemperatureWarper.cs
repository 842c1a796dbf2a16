namespace Kosmos2.Engine.Generation;

/// <summary><c>temperature</c>: divides the scores.</summary>
internal sealed class TemperatureWarper(float temperature) : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores)
    {
        foreach (ref float score in scores)
            score /= temperature;
    }
}
