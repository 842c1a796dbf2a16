namespace Kosmos2.Weights;

/// <summary>
/// Brings the names of older checkpoints to those of the released one: the original fairseq names, and the names of snapshots from before
/// the release.
/// </summary>
internal static class TensorNames
{
    /// <summary>Replacements of the official conversion script, to be applied to a fairseq name in this order.</summary>
    private static readonly (string Old, string New)[] Fairseq =
    [
        ("gpt_model.decoder.output_projection", "text_model.lm_head"),
        ("gpt_model.decoder", "text_model.model"),
        ("img_connector", "image_to_text_projection"),
        ("img_model.visual.class_embedding", "vision_model.model.embeddings.class_embedding"),
        ("img_model.visual.positional_embedding", "vision_model.model.embeddings.position_embedding.weight"),
        ("img_model.visual.conv1", "vision_model.model.embeddings.patch_embedding"),
        ("img_model.visual", "vision_model.model"),
        ("ln_pre", "pre_layrnorm"),
        ("ln_post", "post_layernorm"),
        ("transformer.resblocks", "encoder.layers"),
        ("ts_attn", "self_attn"),
        ("ln_1", "layer_norm1"),
        ("ln_2", "layer_norm2"),
        ("c_fc", "fc1"),
        ("c_proj", "fc2"),
    ];

    /// <summary>Prefixes of the fairseq checkpoint's three parts; pre-release snapshots share the last.</summary>
    private static readonly string[] FairseqPrefixes = ["gpt_model.", "img_model.", "img_connector."];

    /// <summary>What pre-release snapshots had straight below <c>vision_model.</c>, where released ones have <c>vision_model.model.</c></summary>
    private static readonly string[] VisionParts = ["embeddings.", "pre_layrnorm.", "encoder.", "post_layernorm."];

    /// <summary>Tables that a model computes for itself and some files hold all the same: positions, and what fairseq left behind.</summary>
    private static readonly string[] Buffers =
    [
        "vision_model.embeddings.position_ids",
        "vision_model.model.embeddings.position_ids",
        "text_model.model.embed_positions.weights",
        "gpt_model.decoder.embed_positions._float_tensor",
        "gpt_model.decoder.self_attn_sope.scale",
    ];

    /// <summary>Whether a tensor is a computed table, of no use to anyone who reads the file.</summary>
    public static bool IsBuffer(string name) => Array.IndexOf(Buffers, name) >= 0;

    /// <summary>The released name of a tensor; a name that belongs to no known scheme stays as it is.</summary>
    public static string ToReleased(string name)
    {
        if (Array.Exists(FairseqPrefixes, p => name.StartsWith(p, StringComparison.Ordinal)))
        {
            foreach ((string old, string @new) in Fairseq)
                name = name.Replace(old, @new, StringComparison.Ordinal);
            return name;
        }

        const string Vision = "vision_model.";
        if (name.StartsWith(Vision, StringComparison.Ordinal))
        {
            string rest = name[Vision.Length..];
            return Array.Exists(VisionParts, p => rest.StartsWith(p, StringComparison.Ordinal)) ? $"{Vision}model.{rest}" : name;
        }

        // image_features.dense.weight, image_features_projection.dense.weight and the like.
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && name.StartsWith("image_features", StringComparison.Ordinal) ? $"image_to_text_projection{name[dot..]}" : name;
    }
}
