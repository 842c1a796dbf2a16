using System.Text.Json;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// The vision encoder's configuration (<c>kosmos_2_vision_model</c>). Names and defaults are Hugging Face's; a field that a file leaves out
/// has its default.
/// </summary>
public sealed record Kosmos2VisionConfig
{
    internal const string ModelType = "kosmos_2_vision_model";

    /// <summary>Width of a hidden state.</summary>
    public int HiddenSize { get; init; } = 1024;

    /// <summary>Width inside the feed-forward network.</summary>
    public int IntermediateSize { get; init; } = 4096;

    /// <summary>Encoder layers.</summary>
    public int NumHiddenLayers { get; init; } = 24;

    /// <summary>Attention heads of a layer.</summary>
    public int NumAttentionHeads { get; init; } = 16;

    /// <summary>Channels of a picture.</summary>
    public int NumChannels { get; init; } = 3;

    /// <summary>Side of the square picture in pixels.</summary>
    public int ImageSize { get; init; } = 224;

    /// <summary>Side of a patch in pixels, at most <see cref="ImageSize"/>.</summary>
    public int PatchSize { get; init; } = 14;

    /// <summary>Function inside the feed-forward network: <c>gelu</c>, <c>quick_gelu</c> or <c>relu</c>.</summary>
    public string HiddenAct { get; init; } = "quick_gelu";

    /// <summary>Epsilon of every layer normalisation.</summary>
    public double LayerNormEps { get; init; } = 1e-5;

    /// <summary>Used in training only.</summary>
    public double AttentionDropout { get; init; }

    /// <summary>Used in training only.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Used in training only.</summary>
    public double InitializerFactor { get; init; } = 1.0;

    /// <summary>All other fields of the file, by name; written back as they are.</summary>
    public IReadOnlyDictionary<string, JsonElement> OtherFields { get; init; } = ConfigFields.None;

    /// <summary>Width of a head.</summary>
    public int HeadDim => HiddenSize / NumAttentionHeads;

    /// <summary>Patches of a picture: (<see cref="ImageSize"/> / <see cref="PatchSize"/>)^2; pixels that fill no patch are left out.</summary>
    public int NumPatches => ImageSize / PatchSize * (ImageSize / PatchSize);

    /// <summary>Tokens of a picture: its patches and the class token.</summary>
    public int NumPositions => NumPatches + 1;

    /// <summary><see cref="HiddenAct"/> as the kernels know it.</summary>
    public Activation Activation => ConfigFields.Activation(HiddenAct);

    /// <summary>Reads the encoder's part of a file that holds either a whole KOSMOS-2 configuration or this part alone.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="ConfigurationException">A field has a value that is wrong or not supported.</exception>
    public static Kosmos2VisionConfig Load(string path)
    {
        JsonFields root = JsonFields.Read(path);
        return From(root.Object("vision_config") ?? root);
    }

    internal static Kosmos2VisionConfig From(JsonFields fields)
    {
        var defaults = new Kosmos2VisionConfig();
        fields.Find("model_type");
        var config = new Kosmos2VisionConfig
        {
            HiddenSize = fields.Int32("hidden_size", defaults.HiddenSize, 1, ConfigFields.MaxWidth),
            IntermediateSize = fields.Int32("intermediate_size", defaults.IntermediateSize, 1, ConfigFields.MaxWidth),
            NumHiddenLayers = fields.Int32("num_hidden_layers", defaults.NumHiddenLayers, 1, ConfigFields.MaxLayers),
            NumAttentionHeads = fields.Int32("num_attention_heads", defaults.NumAttentionHeads, 1, ConfigFields.MaxWidth),
            NumChannels = fields.Int32("num_channels", defaults.NumChannels, 1, ConfigFields.MaxChannels),
            ImageSize = fields.Int32("image_size", defaults.ImageSize, 1, ConfigFields.MaxImageSize),
            PatchSize = fields.Int32("patch_size", defaults.PatchSize, 1, ConfigFields.MaxImageSize),
            HiddenAct = ConfigFields.ActivationName(fields, "hidden_act", defaults.HiddenAct),
            LayerNormEps = fields.Double("layer_norm_eps", defaults.LayerNormEps, 0, 1),
            AttentionDropout = fields.Double("attention_dropout", defaults.AttentionDropout, 0, 1),
            InitializerRange = fields.Double("initializer_range", defaults.InitializerRange, 0, double.MaxValue),
            InitializerFactor = fields.Double("initializer_factor", defaults.InitializerFactor, 0, double.MaxValue),
        };
        ConfigFields.CheckHeads(fields, "num_attention_heads", config.NumAttentionHeads, "hidden_size", config.HiddenSize);
        if (config.PatchSize > config.ImageSize)
            throw fields.Error("patch_size", $"is {config.PatchSize}, more than image_size {config.ImageSize}");
        return config with { OtherFields = fields.Others() };
    }

    internal void Write(Utf8JsonWriter writer) => ConfigFields.WriteObject(writer, OtherFields, new()
    {
        ["attention_dropout"] = w => w.WriteNumberValue(AttentionDropout),
        ["hidden_act"] = w => w.WriteStringValue(HiddenAct),
        ["hidden_size"] = w => w.WriteNumberValue(HiddenSize),
        ["image_size"] = w => w.WriteNumberValue(ImageSize),
        ["initializer_factor"] = w => w.WriteNumberValue(InitializerFactor),
        ["initializer_range"] = w => w.WriteNumberValue(InitializerRange),
        ["intermediate_size"] = w => w.WriteNumberValue(IntermediateSize),
        ["layer_norm_eps"] = w => w.WriteNumberValue(LayerNormEps),
        ["model_type"] = w => w.WriteStringValue(ModelType),
        ["num_attention_heads"] = w => w.WriteNumberValue(NumAttentionHeads),
        ["num_channels"] = w => w.WriteNumberValue(NumChannels),
        ["num_hidden_layers"] = w => w.WriteNumberValue(NumHiddenLayers),
        ["patch_size"] = w => w.WriteNumberValue(PatchSize),
    });
}
