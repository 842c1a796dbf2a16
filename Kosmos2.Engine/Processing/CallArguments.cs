using System.Text.Json;

namespace Kosmos2.Engine.Processing;

/// <summary>The arguments of a <see cref="ProcessorCall"/> by name; every complaint says which one, what it is and what it should be.</summary>
internal sealed class CallArguments
{
    private readonly Dictionary<string, JsonElement> _left;

    public CallArguments(JsonElement arguments)
    {
        if (arguments.ValueKind != JsonValueKind.Object)
            throw new ArgumentException($"a call's arguments must be an object, not {Show(arguments)}");
        JsonText.Require(arguments, "the call");
        _left = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (JsonProperty property in arguments.EnumerateObject())
        {
            if (!_left.TryAdd(property.Name, property.Value))
                throw new ArgumentException($"{property.Name} is given twice");
        }
    }

    /// <summary>An argument's value; null if it is absent or null. Marks it as known.</summary>
    public JsonElement? Find(string name) => _left.Remove(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A string or a list of strings.</summary>
    public (string[]? Values, bool IsList) Strings(string name)
    {
        if (Find(name) is not { } value)
            return (null, false);
        bool isList = value.ValueKind == JsonValueKind.Array;
        JsonElement[] items = isList ? [.. value.EnumerateArray()] : [value];
        foreach (JsonElement item in items)
        {
            if (item.ValueKind != JsonValueKind.String)
                throw new ArgumentException($"{name} must be a string or a list of strings, not {(isList ? "a list with " : "")}{Show(item)}");
        }
        return ([.. items.Select(item => item.GetString()!)], isList);
    }

    /// <summary>The settings.</summary>
    public ProcessorOptions Options()
    {
        Text("return_tensors", ["np", "pt"]); // rows are arrays here, whatever library would have held them
        return new ProcessorOptions
        {
            AllowBoxesOutside = true,
            AddSpecialTokens = Flag("add_special_tokens", true),
            AddEosToken = Flag("add_eos_token", false),
            NumImageTokens = Integer("num_image_tokens") ?? ProcessorOptions.Default.NumImageTokens,
            FirstImageTokenId = Integer("first_image_token_id"),
            Padding = Padding(),
            PaddingSide = Text("padding_side", ["left", "right"]) switch
            {
                "left" => PaddingSide.Left,
                "right" => PaddingSide.Right,
                _ => null,
            },
            MaxLength = Integer("max_length"),
            PadToMultipleOf = Integer("pad_to_multiple_of"),
            Truncation = Truncation(),
        };
    }

    /// <summary>Refuses an argument that nobody asked for.</summary>
    public void RefuseOthers()
    {
        if (_left.Count > 0)
            throw new ArgumentException($"there is no argument {string.Join(" or ", _left.Keys.Order(StringComparer.Ordinal))}");
    }

    /// <summary>A value as a message shows it.</summary>
    public static string Show(JsonElement value)
    {
        string text = value.ValueKind == JsonValueKind.Undefined ? "nothing" : value.GetRawText();
        return text.Length <= 60 ? text : $"{text[..60]}...";
    }

    private PaddingStrategy Padding() => Switch("padding", ["longest", "max_length", "do_not_pad"]) switch
    {
        "longest" => PaddingStrategy.Longest,
        "max_length" => PaddingStrategy.MaxLength,
        _ => PaddingStrategy.None,
    };

    private bool Truncation() => Switch("truncation", ["longest_first", "do_not_truncate"]) == "longest_first";

    /// <summary>True for the first of some words, false or absence for none, or one of the words.</summary>
    private string? Switch(string name, string[] words) => Find(name) switch
    {
        null or { ValueKind: JsonValueKind.False } => null,
        { ValueKind: JsonValueKind.True } => words[0],
        { ValueKind: JsonValueKind.String } value when words.Contains(value.GetString()) => value.GetString(),
        { } value => throw new ArgumentException($"{name} must be true, false, {string.Join(" or ", words)}, not {Show(value)}"),
    };

    private string? Text(string name, string[] words) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value when words.Contains(value.GetString()) => value.GetString(),
        { } value => throw new ArgumentException($"{name} must be {string.Join(" or ", words)}, not {Show(value)}"),
    };

    private bool Flag(string name, bool fallback) => Find(name) switch
    {
        null => fallback,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw new ArgumentException($"{name} must be true or false, not {Show(value)}"),
    };

    private int? Integer(string name)
    {
        if (Find(name) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : throw new ArgumentException($"{name} must be an integer, not {Show(value)}");
    }
}
