using Kosmos2.Engine.Measurement;

namespace Kosmos2.Bench.Peers;

/// <summary>ONNX Runtime's process as our model's peer.</summary>
/// <param name="child">The process.</param>
/// <param name="sameWeights">Whether our model has the same weights, so that results must agree.</param>
internal sealed class OnnxPeer(OnnxChild child, bool sameWeights) : IBenchPeer
{
    /// <summary>Relative L2 distance of the two sides' logits: a hundred times what their different order of sums makes.</summary>
    private const double LogitTolerance = 1e-4;

    private const int AgreedTokens = 16;

    /// <inheritdoc/>
    public AnswerTimes Answer(int tokens) => child.Answer(tokens);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The two sides gave different answers.</exception>
    public void Check(TimedModel ours)
    {
        if (!sameWeights)
            return;
        Agreement.Check("logits", "ONNX Runtime", ours.Logits(), child.Logits(), LogitTolerance);
        int[] tokens = ours.Answer(AgreedTokens).Tokens, theirs = child.Answer(AgreedTokens).Tokens;
        if (!tokens.SequenceEqual(theirs))
            throw new InvalidOperationException($"our tokens are {string.Join(' ', tokens)}, ONNX Runtime's {string.Join(' ', theirs)}");
    }
}
