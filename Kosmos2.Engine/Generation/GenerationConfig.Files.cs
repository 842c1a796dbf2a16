using System.Text;
using System.Text.Json;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Generation;

public sealed partial record GenerationConfig
{
    private const string FileName = "generation_config.json";

    /// <summary>A checkpoint's own settings: those of its generation_config.json, and below them those in its text_config.</summary>
    /// <param name="folder">The model's folder; it need not have a generation_config.json.</param>
    /// <param name="textConfig">The decoder's configuration.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="ConfigurationException">A setting is of the wrong kind.</exception>
    public static GenerationConfig OfCheckpoint(string folder, Kosmos2TextConfig textConfig)
    {
        string path = Path.Combine(folder, FileName);
        GenerationConfig below = OfTextConfig(textConfig);
        return File.Exists(path) ? Load(path).Over(below) : below;
    }

    /// <summary>Reads a generation_config.json.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="ConfigurationException">The file is not JSON, or a setting is of the wrong kind.</exception>
    public static GenerationConfig Load(string path) => GenerationConfigReader.Read(JsonFields.Read(path));

    /// <summary>Reads settings from text.</summary>
    /// <param name="json">An object as in generation_config.json.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ConfigurationException">The text is not JSON, or a setting is of the wrong kind.</exception>
    public static GenerationConfig Parse(string json, string name = FileName) =>
        GenerationConfigReader.Read(JsonFields.Parse(name, Encoding.UTF8.GetBytes(json)));

    /// <summary>The generation settings among a decoder's configuration, where the real checkpoint keeps <c>no_repeat_ngram_size</c>.</summary>
    /// <exception cref="ConfigurationException">A setting is of the wrong kind.</exception>
    internal static GenerationConfig OfTextConfig(Kosmos2TextConfig textConfig)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in textConfig.OtherFields)
            {
                writer.WritePropertyName(name);
                value.WriteTo(writer);
            }
            writer.WriteEndObject();
        }
        GenerationConfig config = GenerationConfigReader.Read(JsonFields.Parse("config.json: text_config", stream.ToArray()));
        return config with
        {
            EosTokenId = [textConfig.EosTokenId],
            PadTokenId = textConfig.PadTokenId,
            BosTokenId = textConfig.BosTokenId,
            DefaultLengthCap = textConfig.MaxPositionEmbeddings,

            // The other fields there are the model's own.
            OtherSettings = config.OtherSettings.Where(s => GenerationConfigReader.IsUnsupported(s.Key)).ToDictionary(),
        };
    }
}
