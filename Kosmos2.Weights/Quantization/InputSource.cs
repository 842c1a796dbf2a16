using static System.FormattableString;

namespace Kosmos2.Weights;

/// <summary>
/// What linear layers get their inputs from, where it can take over a shift and a scale of each of them: a normalisation, or the values that an attention
/// passes on, whose weights sum to 1.
/// </summary>
/// <param name="Module">The normalisation, or the projection to values.</param>
/// <param name="Layers">The linear layers; nothing else reads what the module makes.</param>
internal sealed record InputSource(string Module, IReadOnlyList<string> Layers)
{
    /// <summary>All of a model.</summary>
    public static IEnumerable<InputSource> For(Kosmos2Config config)
    {
        for (int i = 0; i < config.VisionConfig.NumHiddenLayers; i++)
        {
            string layer = Invariant($"vision_model.model.encoder.layers.{i}");
            yield return QueryKeyValue($"{layer}.layer_norm1", layer);
            yield return new($"{layer}.self_attn.v_proj", [$"{layer}.self_attn.out_proj"]);
            yield return new($"{layer}.layer_norm2", [$"{layer}.mlp.fc1"]);
        }
        yield return new("image_to_text_projection.x_attn.v_proj", ["image_to_text_projection.x_attn.out_proj"]);
        for (int i = 0; i < config.TextConfig.Layers; i++)
        {
            string layer = Invariant($"text_model.model.layers.{i}");
            yield return QueryKeyValue($"{layer}.self_attn_layer_norm", layer);
            yield return new($"{layer}.self_attn.inner_attn_ln", [$"{layer}.self_attn.out_proj"]);
            yield return new($"{layer}.final_layer_norm", [$"{layer}.ffn.fc1"]);
            yield return new($"{layer}.ffn.ffn_layernorm", [$"{layer}.ffn.fc2"]);
        }
    }

    private static InputSource QueryKeyValue(string norm, string layer) =>
        new(norm, [$"{layer}.self_attn.q_proj", $"{layer}.self_attn.k_proj", $"{layer}.self_attn.v_proj"]);
}
