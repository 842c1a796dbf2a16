using System.Globalization;
using System.Text.Json;

namespace Kosmos2.Weights;

/// <summary>
/// What the tokenizer's small files say: <c>tokenizer_config.json</c>, and where that is silent <c>special_tokens_map.json</c> and
/// <c>added_tokens.json</c>. Without the files everything has the default of Hugging Face's XLM-R tokenizer.
/// </summary>
public sealed record TokenizerConfig
{
    /// <summary>Text of the token that begins a sequence.</summary>
    public string BosToken { get; init; } = "<s>";

    /// <summary>Text of the token that ends a sequence.</summary>
    public string EosToken { get; init; } = "</s>";

    /// <summary>Text of the token that stands for what the vocabulary lacks.</summary>
    public string UnkToken { get; init; } = "<unk>";

    /// <summary>Text of the token that separates sequences.</summary>
    public string SepToken { get; init; } = "</s>";

    /// <summary>Text of the classification token.</summary>
    public string ClsToken { get; init; } = "<s>";

    /// <summary>Text of the token that fills rows up.</summary>
    public string PadToken { get; init; } = "<pad>";

    /// <summary>Text of the token that hides a word in training.</summary>
    public string MaskToken { get; init; } = "<mask>";

    /// <summary>Whether rows are filled up on the left; otherwise on the right.</summary>
    public bool PadsLeft { get; init; }

    /// <summary>Longest sequence that callers should make, or null without limit.</summary>
    public int? ModelMaxLength { get; init; }

    /// <summary>Whether decoding removes the space before punctuation.</summary>
    public bool CleanUpTokenizationSpaces { get; init; }

    /// <summary>Added tokens by id; empty when no file lists them.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    /// <summary>Reads a model folder's configuration.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="ConfigurationException">A field has a value that is wrong or not supported.</exception>
    public static TokenizerConfig Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        JsonFields? main = JsonFields.ReadIfPresent(Path.Combine(folder, "tokenizer_config.json"));
        JsonFields? map = JsonFields.ReadIfPresent(Path.Combine(folder, "special_tokens_map.json"));
        JsonFields? added = JsonFields.ReadIfPresent(Path.Combine(folder, "added_tokens.json"));
        var defaults = new TokenizerConfig();
        string Special(string field, string fallback) => ReadSpecial(main, field) ?? ReadSpecial(map, field) ?? fallback;
        var config = new TokenizerConfig
        {
            BosToken = Special("bos_token", defaults.BosToken),
            EosToken = Special("eos_token", defaults.EosToken),
            UnkToken = Special("unk_token", defaults.UnkToken),
            SepToken = Special("sep_token", defaults.SepToken),
            ClsToken = Special("cls_token", defaults.ClsToken),
            PadToken = Special("pad_token", defaults.PadToken),
            MaskToken = Special("mask_token", defaults.MaskToken),
            CleanUpTokenizationSpaces = main?.Boolean("clean_up_tokenization_spaces", false) ?? false,
            PadsLeft = main is not null && ReadPadsLeft(main),
            ModelMaxLength = main is null ? null : ReadMaxLength(main),
        };
        JsonFields? decoder = main?.Object("added_tokens_decoder");
        if (decoder is not null)
            return config with { AddedTokens = ReadDecoder(decoder) };
        return added is null ? config : config with { AddedTokens = ReadPlain(added, config) };
    }

    /// <summary>A special token is a string, or an object with its text as <c>content</c>.</summary>
    private static string? ReadSpecial(JsonFields? fields, string field) => fields?.Find(field) switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.Object } => ReadContent(fields.Object(field)!),
        _ => fields.Text(field, ""),
    };

    private static string ReadContent(JsonFields token) => token.Find("content") is null
        ? throw token.Error("content", "is missing")
        : token.Text("content", "");

    private static bool ReadPadsLeft(JsonFields fields)
    {
        string side = fields.Text("padding_side", "right");
        return side is "left" or "right"
            ? side == "left"
            : throw fields.Error("padding_side", $"is {Kosmos2FormatException.Quote(side)}; it must be left or right");
    }

    /// <summary>Hugging Face writes 10^30 for "no limit"; whatever an array cannot hold is taken as that.</summary>
    private static int? ReadMaxLength(JsonFields fields)
    {
        const string Field = "model_max_length";
        if (fields.Find(Field) is null or { ValueKind: JsonValueKind.Null })
            return null;
        double length = fields.Double(Field, 0, 1, double.MaxValue);
        return length <= Array.MaxLength ? fields.Int32(Field, 0, 1, Array.MaxLength) : null;
    }

    /// <summary><c>added_tokens_decoder</c>: id to token with all its flags.</summary>
    private static IReadOnlyList<AddedToken> ReadDecoder(JsonFields decoder)
    {
        var tokens = new List<AddedToken>();
        foreach (string key in decoder.Others().Keys)
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                throw decoder.Error(key, "is not a token id");
            JsonFields token = decoder.Object(key) ?? throw decoder.Error(key, "is null; it must be an object");
            tokens.Add(new AddedToken(
                id,
                ReadContent(token),
                token.Boolean("lstrip", false),
                token.Boolean("rstrip", false),
                token.Boolean("normalized", true),
                token.Boolean("single_word", false),
                token.Boolean("special", false)));
        }

        return InOrder(tokens, decoder);
    }

    /// <summary>
    /// <c>added_tokens.json</c>: text to id, without flags. Tags and patch indices have those that the processor gives them (white space on the
    /// left swallowed, not special).
    /// </summary>
    private static IReadOnlyList<AddedToken> ReadPlain(JsonFields added, TokenizerConfig config)
    {
        string[] specials = [config.BosToken, config.EosToken, config.UnkToken, config.SepToken, config.ClsToken, config.PadToken, config.MaskToken];
        var tokens = new List<AddedToken>();
        foreach (string content in added.Others().Keys)
        {
            int id = added.Int32(content, 0, 0, int.MaxValue);
            bool special = specials.Contains(content);
            bool leftStrip = !special || content == config.MaskToken;
            tokens.Add(new AddedToken(id, content, leftStrip, RStrip: false, Normalized: content == config.MaskToken, SingleWord: false, special));
        }

        return InOrder(tokens, added);
    }

    private static IReadOnlyList<AddedToken> InOrder(List<AddedToken> tokens, JsonFields fields)
    {
        var contents = new HashSet<string>(StringComparer.Ordinal);
        var ids = new HashSet<int>();
        foreach (AddedToken token in tokens)
        {
            if (token.Content.Length == 0)
                throw fields.Error(token.Id.ToString(CultureInfo.InvariantCulture), "has no text");
            if (!contents.Add(token.Content) || !ids.Add(token.Id))
                throw fields.Error(token.Content, "shares its text or its id with another added token");
        }

        return [.. tokens.OrderBy(t => t.Id)];
    }
}
