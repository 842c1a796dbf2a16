using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary><c>temperature</c>: divides the scores.</summary>
internal sealed class TemperatureWarper(float temperature) : IDeviceProcessor
{
    public TokenChoice AddTo(TokenChoice choice) => choice with { Temperature = temperature };

    public void Process(in SequenceView sequence, Span<float> scores)
    {
        float max = Softmax.Largest(scores);
        // Where the quotients would not be finite the largest becomes 0, which changes no probability.
        float shift = float.IsFinite(max) && !float.IsFinite(max / temperature) ? max : 0;
        foreach (ref float score in scores)
            score = (score - shift) / temperature;
    }
}
