using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary><c>temperature</c>: divides the scores.</summary>
internal sealed class TemperatureWarper(float temperature) : IDeviceProcessor
{
    public TokenChoice AddTo(TokenChoice choice) => choice with { Temperature = temperature };

    public void Process(in SequenceView sequence, Span<float> scores)
    {
        foreach (ref float score in scores)
            score /= temperature;
    }
}
