using System.Collections.ObjectModel;
using System.Text.Json;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>What the parts of a configuration have in common: bounds, activation names, and how objects are written.</summary>
internal static class ConfigFields
{
    // Far above any model of this kind, and low enough that no product of two of them overflows 63 bits.
    public const int MaxVocabulary = 1 << 24;
    public const int MaxWidth = 1 << 20;
    public const int MaxLayers = 1 << 10;
    public const int MaxChannels = 1 << 10;
    public const int MaxImageSize = 1 << 14;

    /// <summary>No fields.</summary>
    public static IReadOnlyDictionary<string, JsonElement> None { get; } = ReadOnlyDictionary<string, JsonElement>.Empty;

    /// <summary>Reads the name of an activation function, which must be one that is computed exactly as Hugging Face does.</summary>
    public static string ActivationName(JsonFields fields, string field, string fallback)
    {
        string name = fields.Text(field, fallback);
        return IsActivation(name)
            ? name
            : throw fields.Error(field, $"is {Kosmos2FormatException.Quote(name)}; supported are gelu, quick_gelu and relu");
    }

    /// <summary>The function of a name.</summary>
    public static Activation Activation(string name) => name switch
    {
        // gelu_python is Hugging Face's second spelling of the exact function; gelu_new, gelu_fast and the like are approximations.
        "gelu" or "gelu_python" => Kernels.Activation.Gelu,
        "quick_gelu" => Kernels.Activation.QuickGelu,
        "relu" => Kernels.Activation.Relu,
        _ => throw new ArgumentException($"{Kosmos2FormatException.Quote(name)} is no supported activation function", nameof(name)),
    };

    /// <summary>Checks that the heads divide the width.</summary>
    public static void CheckHeads(JsonFields fields, string headsField, int heads, string widthField, int width)
    {
        if (width % heads != 0)
            throw fields.Error(headsField, $"is {heads}, which does not divide {widthField} {width}");
    }

    /// <summary>Writes an object with known and other fields together, sorted by name as Hugging Face does.</summary>
    public static void WriteObject(
        Utf8JsonWriter writer, IReadOnlyDictionary<string, JsonElement> others, Dictionary<string, Action<Utf8JsonWriter>> known)
    {
        var fields = new SortedDictionary<string, Action<Utf8JsonWriter>>(known, StringComparer.Ordinal);
        foreach ((string name, JsonElement value) in others)
            fields.TryAdd(name, value.WriteTo);
        writer.WriteStartObject();
        foreach ((string name, Action<Utf8JsonWriter> write) in fields)
        {
            writer.WritePropertyName(name);
            write(writer);
        }

        writer.WriteEndObject();
    }

    private static bool IsActivation(string name) => name is "gelu" or "gelu_python" or "quick_gelu" or "relu";
}
