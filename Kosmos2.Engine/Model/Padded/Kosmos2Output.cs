namespace Kosmos2.Engine.Model;

/// <summary>
/// What a forward pass gives: Hugging Face's Kosmos2ModelOutput and Kosmos2ForConditionalGenerationModelOutput. Arrays are row-major. Disposing
/// it frees the image embeddings and the cache that the call made, not those it was given.
/// </summary>
/// <remarks>Shapes as in <see cref="ForwardInputs"/>; S = P + T keys, V the vocabulary. Rows at pads are what Hugging Face computes there too.</remarks>
public sealed class Kosmos2Output : IDisposable
{
    private readonly List<IDisposable> _owned;

    internal Kosmos2Output(List<IDisposable> owned) => _owned = owned;

    /// <summary><c>loss</c>: mean cross entropy over the labels, NaN if there is none but -100; null without labels.</summary>
    public float? Loss { get; internal init; }

    /// <summary><c>logits</c> [B, T, V]; [B, V] for each row's last token with <see cref="LogitRows.Last"/>; empty with <see cref="LogitRows.None"/>.</summary>
    public float[] Logits { get; internal init; } = [];

    /// <summary><c>last_hidden_state</c> [B, T, W], after the final norm.</summary>
    public float[] LastHiddenState { get; internal init; } = [];

    /// <summary><c>hidden_states</c>: layers + 1 arrays [B, T, W], the embeddings first, the last after the final norm; null unless asked for.</summary>
    public IReadOnlyList<float[]>? HiddenStates { get; internal init; }

    /// <summary><c>attentions</c>: of each layer [B, heads, T, S]; null unless asked for.</summary>
    public IReadOnlyList<float[]>? Attentions { get; internal init; }

    /// <summary><c>past_key_values</c>, the past that was given if there was one; null without a cache.</summary>
    public PastKeyValues? PastKeyValues { get; internal init; }

    /// <summary><c>image_embeds</c> [images * L, W]; null without pictures.</summary>
    public ImageEmbeddings? ImageEmbeds { get; internal init; }

    /// <summary><c>projection_attentions</c> [images, heads, L, patches + 1 + L]; null unless the vision encoder ran and attentions were asked for.</summary>
    public float[]? ProjectionAttentions { get; internal init; }

    /// <summary><c>vision_model_output</c>; null unless the vision encoder ran.</summary>
    public VisionModelOutput? VisionModelOutput { get; internal init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
            owned.Dispose();
        _owned.Clear();
    }
}

/// <summary>What the vision encoder gave: Hugging Face's BaseModelOutputWithPooling. N is 1 + patches, D the encoder's width.</summary>
/// <param name="LastHiddenState"><c>last_hidden_state</c> [images, N, D], before the last norm.</param>
/// <param name="PoolerOutput"><c>pooler_output</c> [images, D]: the class token after the last norm. KOSMOS-2 does not use it.</param>
/// <param name="HiddenStates"><c>hidden_states</c>: layers + 1 arrays [images, N, D]; null unless asked for.</param>
/// <param name="Attentions"><c>attentions</c>: of each layer [images, heads, N, N]; null unless asked for.</param>
public sealed record VisionModelOutput(
    float[] LastHiddenState, float[] PoolerOutput, IReadOnlyList<float[]>? HiddenStates, IReadOnlyList<float[]>? Attentions);
