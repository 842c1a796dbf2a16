using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>A tensor that a model must or may have.</summary>
/// <param name="Name">Its released name.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Required">False for a tensor that may be left out.</param>
/// <param name="ModuleClass">torch's name of the class of module that it is the weight of, where that may be quantized; otherwise empty.</param>
internal sealed record CatalogEntry(string Name, Shape Shape, bool Required = true, string ModuleClass = "")
{
    private const string WeightSuffix = ".weight";

    /// <summary>The module that this is the weight of: <see cref="Name"/> without <c>.weight</c>.</summary>
    public string Module => Name.EndsWith(WeightSuffix, StringComparison.Ordinal) ? Name[..^WeightSuffix.Length] : Name;
}

/// <summary>
/// Every tensor of KOSMOS-2 with its released name and shape, for a configuration: 885 for the real one. Linear weights are [out, in].
/// </summary>
internal static class TensorCatalog
{
    public const string Linear = "Linear";
    public const string Embedding = "Embedding";

    /// <summary>All tensors, in the order of the forward pass.</summary>
    public static IReadOnlyList<CatalogEntry> For(Kosmos2Config config)
    {
        var entries = new List<CatalogEntry>();
        AddVision(entries, config.VisionConfig);
        AddProjection(entries, config);
        AddText(entries, config.TextConfig);
        return entries;
    }

    private static void AddVision(List<CatalogEntry> entries, Kosmos2VisionConfig vision)
    {
        const string Model = "vision_model.model.";
        int width = vision.HiddenSize;
        Add(entries, Model + "embeddings.class_embedding", width);
        Add(entries, Model + "embeddings.patch_embedding.weight", width, vision.NumChannels, vision.PatchSize, vision.PatchSize);
        AddWeight(entries, Model + "embeddings.position_embedding", Embedding, vision.NumPositions, width);

        // "layrnorm" is how the checkpoint spells it.
        AddNorm(entries, Model + "pre_layrnorm", width);
        for (int i = 0; i < vision.NumHiddenLayers; i++)
        {
            string layer = $"{Model}encoder.layers.{i}.";
            AddNorm(entries, layer + "layer_norm1", width);
            AddAttention(entries, layer + "self_attn.", width);
            AddNorm(entries, layer + "layer_norm2", width);
            AddLinear(entries, layer + "mlp.fc1", vision.IntermediateSize, width);
            AddLinear(entries, layer + "mlp.fc2", width, vision.IntermediateSize);
        }

        AddNorm(entries, Model + "post_layernorm", width);
    }

    private static void AddProjection(List<CatalogEntry> entries, Kosmos2Config config)
    {
        const string Model = "image_to_text_projection.";
        int width = config.TextConfig.EmbedDim;
        AddLinear(entries, Model + "dense", width, config.VisionConfig.HiddenSize);
        Add(entries, Model + "latent_query", config.LatentQueryNum, width);
        AddAttention(entries, Model + "x_attn.", width);
    }

    private static void AddText(List<CatalogEntry> entries, Kosmos2TextConfig text)
    {
        const string Model = "text_model.model.";
        int width = text.EmbedDim;
        AddWeight(entries, Model + "embed_tokens", Embedding, text.VocabSize, width);
        for (int i = 0; i < text.Layers; i++)
        {
            string layer = $"{Model}layers.{i}.";
            AddNorm(entries, layer + "self_attn_layer_norm", width);
            AddAttention(entries, layer + "self_attn.", width);
            AddNorm(entries, layer + "self_attn.inner_attn_ln", width);

            // The norm before the feed-forward network, despite its name.
            AddNorm(entries, layer + "final_layer_norm", width);
            AddLinear(entries, layer + "ffn.fc1", text.FfnDim, width);
            AddNorm(entries, layer + "ffn.ffn_layernorm", text.FfnDim);
            AddLinear(entries, layer + "ffn.fc2", width, text.FfnDim);
        }

        AddNorm(entries, Model + "layer_norm", width);
        entries.Add(new CatalogEntry("text_model.lm_head.weight", new Shape(text.VocabSize, width), !text.TieWordEmbeddings, Linear));
    }

    private static void AddAttention(List<CatalogEntry> entries, string prefix, int width)
    {
        foreach (string projection in (ReadOnlySpan<string>)["q_proj", "k_proj", "v_proj", "out_proj"])
            AddLinear(entries, prefix + projection, width, width);
    }

    private static void AddLinear(List<CatalogEntry> entries, string name, int outputs, int inputs)
    {
        AddWeight(entries, name, Linear, outputs, inputs);
        Add(entries, name + ".bias", outputs);
    }

    private static void AddWeight(List<CatalogEntry> entries, string module, string moduleClass, int rows, int width) =>
        entries.Add(new CatalogEntry(module + ".weight", new Shape(rows, width), ModuleClass: moduleClass));

    private static void AddNorm(List<CatalogEntry> entries, string name, int width)
    {
        Add(entries, name + ".weight", width);
        Add(entries, name + ".bias", width);
    }

    private static void Add(List<CatalogEntry> entries, string name, params ReadOnlySpan<long> extents) =>
        entries.Add(new CatalogEntry(name, new Shape(extents)));
}
