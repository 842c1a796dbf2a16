using System.Text.Json;
using System.Text.Unicode;

namespace Kosmos2.Weights;

/// <summary>
/// The fields of one JSON object of a configuration file, read by name with defaults and bounds. Remembers which fields were asked for, so
/// that the others can be kept. Every complaint names the file and the field.
/// </summary>
internal sealed class JsonFields
{
    /// <summary>Longest file that is read, in bytes; the largest honest one, tokenizer.json with its vocabulary, has a few megabytes.</summary>
    private const int MaxFileLength = 64 << 20;

    /// <summary>Objects of more fields get an index: looking through thousands of them for each name would take time by the square.</summary>
    private const int MaxUnindexed = 16;

    private readonly string _prefix;
    private readonly JsonElement _object;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private Dictionary<string, JsonElement>? _index;

    private JsonFields(string filePath, string prefix, JsonElement value)
    {
        FilePath = filePath;
        _prefix = prefix;
        _object = value;
    }

    /// <summary>The file, for messages.</summary>
    public string FilePath { get; }

    /// <summary>Reads a file that must hold one object.</summary>
    public static JsonFields Read(string path)
    {
        // The length is asked before the file is opened: a pipe, which has none, would wait for its writer, and a device might never end.
        var info = new FileInfo(path);
        if (!info.Exists)
            throw new FileNotFoundException($"{path}: no such file", path);
        if (info.Length == 0)
            throw new ConfigurationException(path, null, "is empty");
        if (info.Length > MaxFileLength)
            throw new ConfigurationException(path, null, $"the file has {info.Length} bytes; at most {MaxFileLength} are read");
        return Parse(path, File.ReadAllBytes(path));
    }

    /// <summary>The same for a file that may be absent: then null.</summary>
    public static JsonFields? ReadIfPresent(string path) => File.Exists(path) ? Read(path) : null;

    /// <summary>Parses text that must be one object.</summary>
    public static JsonFields Parse(string path, ReadOnlyMemory<byte> utf8)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        if (!Utf8.IsValid(utf8.Span))
            throw new ConfigurationException(path, null, "is not UTF-8");
        try
        {
            CheckEscapes(path, utf8.Span);
            using JsonDocument document = JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false });
            JsonElement root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object
                ? new JsonFields(path, "", root.Clone())
                : throw new ConfigurationException(path, null, $"holds {Describe(root.ValueKind)}; it must hold an object");
        }
        catch (JsonException e)
        {
            throw new ConfigurationException(path, null, $"is not JSON: {e.Message}", e);
        }
    }

    /// <summary>The fields that nobody has asked for, by name.</summary>
    public IReadOnlyDictionary<string, JsonElement> Others()
    {
        var others = new SortedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (JsonProperty property in _object.EnumerateObject())
        {
            if (!_known.Contains(property.Name))
                others.Add(property.Name, property.Value);
        }

        return others;
    }

    /// <summary>The field's value, or null when it is absent; marks it as known.</summary>
    /// <param name="names">The field's name and its aliases. Two that are both there must agree.</param>
    public JsonElement? Find(params ReadOnlySpan<string> names)
    {
        JsonElement? found = null;
        foreach (string name in names)
        {
            _known.Add(name);
            if (!TryGet(name, out JsonElement value))
                continue;
            if (found is { } first && !JsonElement.DeepEquals(first, value))
                throw Error(names[0], $"is given twice, as {string.Join(" and as ", names)}, with different values");
            found = value;
        }

        return found;
    }

    /// <summary>An integer within bounds.</summary>
    public int Int32(ReadOnlySpan<string> names, int fallback, int min, int max)
    {
        if (Find(names) is not { } value)
            return fallback;
        if (value.ValueKind != JsonValueKind.Number || value.GetRawText().AsSpan().ContainsAny('.', 'e', 'E'))
            throw Error(names[0], $"is {Show(value)}; it must be an integer");
        return value.TryGetInt32(out int number) && number >= min && number <= max
            ? number
            : throw Error(names[0], $"is {Show(value)}; it must be between {min} and {max}");
    }

    /// <summary>An integer within bounds.</summary>
    public int Int32(string name, int fallback, int min, int max) => Int32([name], fallback, min, max);

    /// <summary>A finite number within bounds.</summary>
    public double Double(string name, double fallback, double min, double max)
    {
        if (Find(name) is not { } value)
            return fallback;
        if (value.ValueKind != JsonValueKind.Number)
            throw Error(name, $"is {Show(value)}; it must be a number");
        return value.TryGetDouble(out double number) && number >= min && number <= max
            ? number
            : throw Error(name, $"is {Show(value)}; it must be between {min} and {max}");
    }

    /// <summary>A boolean.</summary>
    public bool Boolean(string name, bool fallback)
    {
        if (Find(name) is not { } value)
            return fallback;
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Error(name, $"is {Show(value)}; it must be true or false"),
        };
    }

    /// <summary>A string.</summary>
    public string Text(string name, string fallback)
    {
        if (Find(name) is not { } value)
            return fallback;
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Error(name, $"is {Show(value)}; it must be a string");
    }

    /// <summary>A string; null when it is absent or null.</summary>
    public string? TextOrNull(string name) => Find(name) is { ValueKind: JsonValueKind.Null } or null ? null : Text(name, "");

    /// <summary>The strings of an array; none when it is absent or null.</summary>
    public IReadOnlyList<string> Texts(string name)
    {
        if (Find(name) is not { } value || value.ValueKind == JsonValueKind.Null)
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            throw Error(name, $"is {Show(value)}; it must be an array of strings");
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String)
                throw Error(name, $"holds {Show(item)}; it must be an array of strings");
        }

        return [.. value.EnumerateArray().Select(item => item.GetString()!)];
    }

    /// <summary>The fields of a nested object; null when it is absent or null.</summary>
    public JsonFields? Object(string name)
    {
        if (Find(name) is not { } value || value.ValueKind == JsonValueKind.Null)
            return null;
        return value.ValueKind == JsonValueKind.Object
            ? new JsonFields(FilePath, $"{_prefix}{Plain(name)}.", value)
            : throw Error(name, $"is {Show(value)}; it must be an object");
    }

    /// <summary>The fields of each object in an array; none when it is absent or null.</summary>
    public IReadOnlyList<JsonFields> Objects(string name)
    {
        if (Find(name) is not { } value || value.ValueKind == JsonValueKind.Null)
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            throw Error(name, $"is {Show(value)}; it must be an array of objects");
        var objects = new List<JsonFields>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
                throw Error(name, $"holds {Show(item)}; it must be an array of objects");
            objects.Add(new JsonFields(FilePath, $"{_prefix}{name}[{objects.Count}].", item));
        }

        return objects;
    }

    /// <summary>A complaint about a field.</summary>
    public ConfigurationException Error(string name, string problem) => new(FilePath, _prefix + Plain(name), problem);

    /// <summary>A value as a message shows it: numbers and strings as they are, anything larger by its kind.</summary>
    public static string Show(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Kosmos2FormatException.Quote(value.GetString()),
        JsonValueKind.Number when value.GetRawText().Length <= 40 => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => Describe(value.ValueKind),
    };

    private bool TryGet(string name, out JsonElement value)
    {
        if (_object.GetPropertyCount() <= MaxUnindexed)
            return _object.TryGetProperty(name, out value);
        _index ??= _object.EnumerateObject().ToDictionary(property => property.Name, property => property.Value, StringComparer.Ordinal);
        return _index.TryGetValue(name, out value);
    }

    /// <summary>JSON can spell half a surrogate pair; no string can hold it. Found here once, so that reading a string cannot fail later.</summary>
    private static void CheckEscapes(string path, ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        while (reader.Read())
        {
            if (!reader.ValueIsEscaped)
                continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException e)
            {
                throw new ConfigurationException(path, null, $"holds a string with half a surrogate pair at byte {reader.TokenStartIndex}", e);
            }
        }
    }

    /// <summary>A field's name as it is when it is an ordinary one, otherwise quoted: it can come from the file.</summary>
    private static string Plain(string name) =>
        name.Length <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_') ? name : Kosmos2FormatException.Quote(name);

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a long number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };
}
