using System.Text.Json;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// The decoder's configuration (<c>kosmos_2_text_model</c>). Names and defaults are Hugging Face's; a field that a file leaves out has its
/// default.
/// </summary>
public sealed record Kosmos2TextConfig
{
    internal const string ModelType = "kosmos_2_text_model";

    /// <summary>Number of token ids.</summary>
    public int VocabSize { get; init; } = 65037;

    /// <summary>Positions the sinusoidal table begins with; it grows on demand, so this is no limit.</summary>
    public int MaxPositionEmbeddings { get; init; } = 2048;

    /// <summary>Width of a hidden state; also read from <c>hidden_size</c>.</summary>
    public int EmbedDim { get; init; } = 2048;

    /// <summary>Decoder layers; also read from <c>num_hidden_layers</c>.</summary>
    public int Layers { get; init; } = 24;

    /// <summary>Width inside the feed-forward network.</summary>
    public int FfnDim { get; init; } = 8192;

    /// <summary>Attention heads of a layer; also read from <c>num_attention_heads</c>.</summary>
    public int AttentionHeads { get; init; } = 32;

    /// <summary>Function inside the feed-forward network: <c>gelu</c>, <c>quick_gelu</c> or <c>relu</c>.</summary>
    public string ActivationFunction { get; init; } = "gelu";

    /// <summary>Used in training only.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Used in training only.</summary>
    public double AttentionDropout { get; init; } = 0.1;

    /// <summary>Used in training only.</summary>
    public double ActivationDropout { get; init; }

    /// <summary>Used in training only (<c>layerdrop</c>).</summary>
    public double LayerDrop { get; init; }

    /// <summary>Epsilon of every layer normalisation.</summary>
    public double LayerNormEps { get; init; } = 1e-5;

    /// <summary>Used in training only.</summary>
    public double InitStd { get; init; } = 0.02;

    /// <summary>Whether embeddings are multiplied by the square root of <see cref="EmbedDim"/>.</summary>
    public bool ScaleEmbedding { get; init; } = true;

    /// <summary>Whether generation keeps keys and values. Kept for the file's sake: this library always does.</summary>
    public bool UseCache { get; init; } = true;

    /// <summary>Id of <c>&lt;pad&gt;</c>; its positions are not counted.</summary>
    public int PadTokenId { get; init; } = 1;

    /// <summary>Id of <c>&lt;s&gt;</c>.</summary>
    public int BosTokenId { get; init; }

    /// <summary>Id of <c>&lt;/s&gt;</c>.</summary>
    public int EosTokenId { get; init; } = 2;

    /// <summary>Whether the logits are products with the token embeddings; otherwise <c>text_model.lm_head.weight</c> must be there.</summary>
    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>
    /// All other fields of the file, by name: generation settings such as <c>no_repeat_ngram_size</c>, and what later versions add. Written
    /// back as they are.
    /// </summary>
    public IReadOnlyDictionary<string, JsonElement> OtherFields { get; init; } = ConfigFields.None;

    /// <summary>Width of a head.</summary>
    public int HeadDim => EmbedDim / AttentionHeads;

    /// <summary><see cref="ActivationFunction"/> as the kernels know it.</summary>
    public Activation Activation => ConfigFields.Activation(ActivationFunction);

    /// <summary>Reads the decoder's part of a file that holds either a whole KOSMOS-2 configuration or this part alone.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="ConfigurationException">A field has a value that is wrong or not supported.</exception>
    public static Kosmos2TextConfig Load(string path)
    {
        JsonFields root = JsonFields.Read(path);
        return From(root.Object("text_config") ?? root);
    }

    internal static Kosmos2TextConfig From(JsonFields fields)
    {
        var defaults = new Kosmos2TextConfig();
        fields.Find("model_type");
        if (fields.Boolean("add_cross_attention", false))
            throw fields.Error("add_cross_attention", "is true; cross-attention is not supported (no KOSMOS-2 checkpoint has it)");
        var config = new Kosmos2TextConfig
        {
            VocabSize = fields.Int32("vocab_size", defaults.VocabSize, 1, ConfigFields.MaxVocabulary),
            MaxPositionEmbeddings = fields.Int32("max_position_embeddings", defaults.MaxPositionEmbeddings, 1, ConfigFields.MaxVocabulary),
            EmbedDim = fields.Int32(["embed_dim", "hidden_size"], defaults.EmbedDim, 1, ConfigFields.MaxWidth),
            Layers = fields.Int32(["layers", "num_hidden_layers"], defaults.Layers, 1, ConfigFields.MaxLayers),
            FfnDim = fields.Int32("ffn_dim", defaults.FfnDim, 1, ConfigFields.MaxWidth),
            AttentionHeads = fields.Int32(["attention_heads", "num_attention_heads"], defaults.AttentionHeads, 1, ConfigFields.MaxWidth),
            ActivationFunction = ConfigFields.ActivationName(fields, "activation_function", defaults.ActivationFunction),
            Dropout = fields.Double("dropout", defaults.Dropout, 0, 1),
            AttentionDropout = fields.Double("attention_dropout", defaults.AttentionDropout, 0, 1),
            ActivationDropout = fields.Double("activation_dropout", defaults.ActivationDropout, 0, 1),
            LayerDrop = fields.Double("layerdrop", defaults.LayerDrop, 0, 1),
            LayerNormEps = fields.Double("layer_norm_eps", defaults.LayerNormEps, 0, 1),
            InitStd = fields.Double("init_std", defaults.InitStd, 0, double.MaxValue),
            ScaleEmbedding = fields.Boolean("scale_embedding", defaults.ScaleEmbedding),
            UseCache = fields.Boolean("use_cache", defaults.UseCache),
            PadTokenId = fields.Int32("pad_token_id", defaults.PadTokenId, 0, int.MaxValue),
            BosTokenId = fields.Int32("bos_token_id", defaults.BosTokenId, 0, int.MaxValue),
            EosTokenId = fields.Int32("eos_token_id", defaults.EosTokenId, 0, int.MaxValue),
            TieWordEmbeddings = fields.Boolean("tie_word_embeddings", defaults.TieWordEmbeddings),
        };
        ConfigFields.CheckHeads(fields, "attention_heads", config.AttentionHeads, "embed_dim", config.EmbedDim);
        return config with { OtherFields = fields.Others() };
    }

    internal void Write(Utf8JsonWriter writer) => ConfigFields.WriteObject(writer, OtherFields, new()
    {
        ["activation_dropout"] = w => w.WriteNumberValue(ActivationDropout),
        ["activation_function"] = w => w.WriteStringValue(ActivationFunction),
        ["add_cross_attention"] = w => w.WriteBooleanValue(false),
        ["attention_dropout"] = w => w.WriteNumberValue(AttentionDropout),
        ["attention_heads"] = w => w.WriteNumberValue(AttentionHeads),
        ["bos_token_id"] = w => w.WriteNumberValue(BosTokenId),
        ["dropout"] = w => w.WriteNumberValue(Dropout),
        ["embed_dim"] = w => w.WriteNumberValue(EmbedDim),
        ["eos_token_id"] = w => w.WriteNumberValue(EosTokenId),
        ["ffn_dim"] = w => w.WriteNumberValue(FfnDim),
        ["init_std"] = w => w.WriteNumberValue(InitStd),
        ["layer_norm_eps"] = w => w.WriteNumberValue(LayerNormEps),
        ["layerdrop"] = w => w.WriteNumberValue(LayerDrop),
        ["layers"] = w => w.WriteNumberValue(Layers),
        ["max_position_embeddings"] = w => w.WriteNumberValue(MaxPositionEmbeddings),
        ["model_type"] = w => w.WriteStringValue(ModelType),
        ["pad_token_id"] = w => w.WriteNumberValue(PadTokenId),
        ["scale_embedding"] = w => w.WriteBooleanValue(ScaleEmbedding),
        ["tie_word_embeddings"] = w => w.WriteBooleanValue(TieWordEmbeddings),
        ["use_cache"] = w => w.WriteBooleanValue(UseCache),
        ["vocab_size"] = w => w.WriteNumberValue(VocabSize),
    });
}
