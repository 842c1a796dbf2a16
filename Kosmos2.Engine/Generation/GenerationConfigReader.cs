using System.Text.Json;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Generation;

/// <summary>Reads settings from the JSON that Hugging Face writes. Kinds of values are checked here, their ranges when generation starts.</summary>
internal static class GenerationConfigReader
{
    /// <summary>What Hugging Face writes for max_length when nobody set it; it then means 20 new tokens, which is our default too.</summary>
    private const int UnsetMaxLength = 20;

    /// <summary>Fields that describe a file or how a result is handed over, and change no token.</summary>
    private static readonly HashSet<string> s_withoutEffect =
    [
        "_commit_hash", "_from_model_config", "transformers_version", "use_cache", "return_dict_in_generate", "cache_implementation", "cache_config",
        "compile_config", "disable_compile", "decoder_start_token_id", "is_assistant", "num_assistant_tokens", "num_assistant_tokens_schedule",
        "assistant_confidence_threshold", "assistant_lookbehind", "target_lookbehind", "max_matching_ngram_size",
    ];

    /// <summary>Settings that are not supported, and the number with which each asks for nothing. Null and false ask for nothing anyway.</summary>
    private static readonly Dictionary<string, double> s_unsupported = new()
    {
        ["assistant_early_exit"] = 0,
        ["constraints"] = 0,
        ["diversity_penalty"] = 0,
        ["dola_layers"] = 0,
        ["encoder_no_repeat_ngram_size"] = 0,
        ["encoder_repetition_penalty"] = 1,
        ["force_words_ids"] = 0,
        ["guidance_scale"] = 1,
        ["low_memory"] = 0,
        ["num_beam_groups"] = 1,
        ["penalty_alpha"] = 0,
        ["prompt_lookup_num_tokens"] = 0,
        ["token_healing"] = 0,
        ["watermarking_config"] = 0,
    };

    /// <summary>Whether a field of a model's configuration is a generation setting that is not supported.</summary>
    public static bool IsUnsupported(string name) => s_unsupported.ContainsKey(name);

    /// <summary>Reads an object's settings.</summary>
    /// <exception cref="ConfigurationException">A setting is of the wrong kind.</exception>
    public static GenerationConfig Read(JsonFields fields)
    {
        var config = new GenerationConfig
        {
            MaxNewTokens = Integer(fields, "max_new_tokens"),
            MaxLength = Integer(fields, "max_length") is { } length and not UnsetMaxLength ? length : null,
            MinLength = Integer(fields, "min_length"),
            MinNewTokens = Integer(fields, "min_new_tokens"),
            MaxTime = Seconds(fields, "max_time"),
            StopStrings = OneOrMore(fields, "stop_strings", Text),
            EosTokenId = OneOrMore(fields, "eos_token_id", Integer),
            PadTokenId = Integer(fields, "pad_token_id"),
            BosTokenId = Integer(fields, "bos_token_id"),
            DoSample = Boolean(fields, "do_sample"),
            NumBeams = Integer(fields, "num_beams"),
            NumReturnSequences = Integer(fields, "num_return_sequences"),
            LengthPenalty = Number(fields, "length_penalty"),
            EarlyStopping = Early(fields, "early_stopping"),
            SequenceBias = List(fields, "sequence_bias", Bias),
            RepetitionPenalty = Number(fields, "repetition_penalty"),
            NoRepeatNgramSize = Integer(fields, "no_repeat_ngram_size"),
            BadWordsIds = List(fields, "bad_words_ids", Integers),
            SuppressTokens = List(fields, "suppress_tokens", Integer),
            BeginSuppressTokens = List(fields, "begin_suppress_tokens", Integer),
            ForcedBosTokenId = Integer(fields, "forced_bos_token_id"),
            ForcedEosTokenId = OneOrMore(fields, "forced_eos_token_id", Integer),
            RemoveInvalidValues = Boolean(fields, "remove_invalid_values"),
            ExponentialDecayLengthPenalty = Decay(fields, "exponential_decay_length_penalty"),
            RenormalizeLogits = Boolean(fields, "renormalize_logits"),
            Temperature = Number(fields, "temperature"),
            TopK = Integer(fields, "top_k"),
            TopP = Number(fields, "top_p"),
            MinP = Number(fields, "min_p"),
            TypicalP = Number(fields, "typical_p"),
            EpsilonCutoff = Number(fields, "epsilon_cutoff"),
            EtaCutoff = Number(fields, "eta_cutoff"),
            OutputScores = Boolean(fields, "output_scores") is { } output ? output ? ScoreOutput.All : ScoreOutput.None : null,
            OutputLogits = Boolean(fields, "output_logits"),
            OutputHiddenStates = Boolean(fields, "output_hidden_states"),
            OutputAttentions = Boolean(fields, "output_attentions"),
        };
        return config with { OtherSettings = fields.Others().Where(AsksForSomething).ToDictionary() };
    }

    private static bool AsksForSomething(KeyValuePair<string, JsonElement> setting)
    {
        if (s_withoutEffect.Contains(setting.Key) || setting.Value.ValueKind is JsonValueKind.Null or JsonValueKind.False)
            return false;
        return !s_unsupported.TryGetValue(setting.Key, out double nothing)
            || setting.Value.ValueKind != JsonValueKind.Number
            || setting.Value.GetDouble() != nothing;
    }

    /// <summary>A field's value; null when it is absent or null.</summary>
    private static JsonElement? Value(JsonFields fields, string name) =>
        fields.Find(name) is { ValueKind: not JsonValueKind.Null } value ? value : null;

    private static int? Integer(JsonFields fields, string name) => Value(fields, name) is { } value ? Integer(fields, name, value) : null;

    private static float? Number(JsonFields fields, string name) => Value(fields, name) is { } value ? Number(fields, name, value) : null;

    private static bool? Boolean(JsonFields fields, string name) => Value(fields, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Wrong(fields, name, value, "true or false"),
    };

    private static TimeSpan? Seconds(JsonFields fields, string name)
    {
        if (Value(fields, name) is not { } value)
            return null;
        float seconds = Number(fields, name, value);
        return seconds is >= 0 and <= 1e9f ? TimeSpan.FromSeconds(seconds) : throw Wrong(fields, name, value, "between 0 and 1e9 seconds");
    }

    private static EarlyStopping? Early(JsonFields fields, string name) => Value(fields, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => EarlyStopping.True,
        { ValueKind: JsonValueKind.False } => EarlyStopping.False,
        { ValueKind: JsonValueKind.String } value when value.ValueEquals("never") => EarlyStopping.Never,
        { } value => throw Wrong(fields, name, value, "true, false or 'never'"),
    };

    private static ExponentialDecay? Decay(JsonFields fields, string name)
    {
        if (Value(fields, name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 2)
            throw Wrong(fields, name, value, "a pair [start, factor]");
        return new ExponentialDecay(Integer(fields, name, value[0]), Number(fields, name, value[1]));
    }

    private static IReadOnlyList<T>? List<T>(JsonFields fields, string name, Func<JsonFields, string, JsonElement, T> read)
    {
        if (Value(fields, name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Array)
            throw Wrong(fields, name, value, "a list");
        return [.. value.EnumerateArray().Select(item => read(fields, name, item))];
    }

    private static IReadOnlyList<T>? OneOrMore<T>(JsonFields fields, string name, Func<JsonFields, string, JsonElement, T> read) =>
        Value(fields, name) is { ValueKind: not JsonValueKind.Array } value ? [read(fields, name, value)] : List(fields, name, read);

    private static TokenBias Bias(JsonFields fields, string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 2)
            throw Wrong(fields, name, value, "a list of pairs [tokens, bias]");
        return new TokenBias(Integers(fields, name, value[0]), Number(fields, name, value[1]));
    }

    private static IReadOnlyList<int> Integers(JsonFields fields, string name, JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? [.. value.EnumerateArray().Select(item => Integer(fields, name, item))]
        : throw Wrong(fields, name, value, "a list of token ids");

    private static int Integer(JsonFields fields, string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw Wrong(fields, name, value, "a 32-bit integer");

    private static float Number(JsonFields fields, string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) && float.IsFinite(number)
            ? number
            : throw Wrong(fields, name, value, "a number that single precision holds");

    private static string Text(JsonFields fields, string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(fields, name, value, "a string");

    private static ConfigurationException Wrong(JsonFields fields, string name, JsonElement value, string expected) =>
        fields.Error(name, $"is or holds {JsonFields.Show(value)}; it must be {expected}");
}
