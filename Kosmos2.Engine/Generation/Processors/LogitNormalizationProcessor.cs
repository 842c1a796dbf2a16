namespace Kosmos2.Engine.Generation;

/// <summary><c>renormalize_logits</c>: log-softmax, as the last step.</summary>
internal sealed class LogitNormalizationProcessor : ILogitsProcessor
{
    public void Process(in SequenceView sequence, Span<float> scores) => Softmax.LogInPlace(scores);
}
