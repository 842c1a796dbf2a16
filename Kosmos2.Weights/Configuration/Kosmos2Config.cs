using System.Text;
using System.Text.Json;

namespace Kosmos2.Weights;

/// <summary>
/// The model's configuration (<c>config.json</c>, model type <c>kosmos-2</c>). Names and defaults are Hugging Face's; the defaults are the
/// real checkpoint's, microsoft/kosmos-2-patch14-224.
/// </summary>
public sealed record Kosmos2Config
{
    private const string FileName = ModelFiles.Config;
    private const string ModelType = "kosmos-2";

    /// <summary>The decoder.</summary>
    public Kosmos2TextConfig TextConfig { get; init; } = new();

    /// <summary>The vision encoder.</summary>
    public Kosmos2VisionConfig VisionConfig { get; init; } = new();

    /// <summary>Latent queries of the resampler: rows that a picture fills in the prompt.</summary>
    public int LatentQueryNum { get; init; } = 64;

    /// <summary>How weights are stored as small integers; null when all are floats.</summary>
    public QuantizationConfig? QuantizationConfig { get; init; }

    /// <summary>All other fields of the file, by name; written back as they are.</summary>
    public IReadOnlyDictionary<string, JsonElement> OtherFields { get; init; } = ConfigFields.None;

    /// <summary>Number of weights: 1,664,485,376 for the real model. A head that is tied to the embeddings counts once.</summary>
    public long ParameterCount => TensorCatalog.For(this).Where(t => t.Required).Sum(t => t.Shape.ElementCount);

    /// <summary>Reads a configuration.</summary>
    /// <param name="path">A model's folder, or the file itself.</param>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="ConfigurationException">A field has a value that is wrong or not supported.</exception>
    public static Kosmos2Config Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return From(JsonFields.Read(Directory.Exists(path) ? Path.Combine(path, FileName) : path));
    }

    /// <summary>Reads a configuration from text.</summary>
    /// <param name="json">A JSON object.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ConfigurationException">A field has a value that is wrong or not supported.</exception>
    public static Kosmos2Config Parse(string json, string name = FileName) => From(JsonFields.Parse(name, Encoding.UTF8.GetBytes(json)));

    /// <summary>The configuration as Hugging Face writes it: indented, fields sorted, none left out.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            Dictionary<string, Action<Utf8JsonWriter>> known = new()
            {
                ["latent_query_num"] = w => w.WriteNumberValue(LatentQueryNum),
                ["model_type"] = w => w.WriteStringValue(ModelType),
                ["text_config"] = TextConfig.Write,
                ["vision_config"] = VisionConfig.Write,
            };
            if (QuantizationConfig is not null)
                known["quantization_config"] = QuantizationConfig.Write;
            ConfigFields.WriteObject(writer, OtherFields, known);
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static Kosmos2Config From(JsonFields fields)
    {
        string modelType = fields.Text("model_type", ModelType);
        if (modelType != ModelType)
            throw fields.Error("model_type", $"is {Kosmos2FormatException.Quote(modelType)}; this library runs {ModelType} only");
        int latents = fields.Int32("latent_query_num", 64, 1, ConfigFields.MaxWidth);
        JsonFields? text = fields.Object("text_config");
        JsonFields? vision = fields.Object("vision_config");
        return new Kosmos2Config
        {
            TextConfig = text is null ? new() : Kosmos2TextConfig.From(text),
            VisionConfig = vision is null ? new() : Kosmos2VisionConfig.From(vision),
            LatentQueryNum = latents,
            QuantizationConfig = fields.Object("quantization_config") is { } quantization
                ? QuantizationConfig.Read(quantization, fields.Find("quantization_config")!.Value)
                : null,
            OtherFields = fields.Others(),
        };
    }
}
