namespace Kosmos2.Engine.Model;

/// <summary>
/// Receives intermediate results of a forward pass: hidden states, attention probabilities. Whoever validates or wants Hugging Face's
/// <c>output_hidden_states</c> passes one; attention then stores its scores, which it otherwise never does.
/// </summary>
/// <remarks>
/// Names: <c>vision.hidden_states.I</c> [images * (1 + patches), hidden], I = 0 after the embeddings' pre-norm; <c>vision.attentions.I</c>
/// [images, heads, tokens, tokens]; <c>vision.normalised_features</c>; <c>projection.attentions</c> [images, heads, latents, tokens + latents];
/// <c>text.hidden_states.I</c> [rows, width], I = 0 the embeddings, the last after the final norm; <c>text.attentions.I</c>, for each
/// sequence in turn [heads, rows, keys], flat.
/// </remarks>
public interface IActivationSink
{
    /// <summary>Whether this result should be computed and delivered.</summary>
    bool Wants(string name);

    /// <summary>Delivers a result; the values belong to the receiver.</summary>
    void Receive(string name, float[] values);
}
