using System.Globalization;

namespace Kosmos2.Engine.Generation;

/// <summary>What settings may be. Messages name a setting as Hugging Face does.</summary>
internal static class GenerationRules
{
    /// <summary>More beams or answers to a prompt than anyone means: a slip that would only fill the memory.</summary>
    private const int MaxSequencesPerPrompt = 4096;

    /// <summary>Scores divided by less than this would not be finite. Long before that the likeliest token is the only one left.</summary>
    private const float MinTemperature = 1e-30f;

    /// <summary>Checks a configuration for a vocabulary.</summary>
    /// <exception cref="ArgumentException">A setting is out of range or contradicts another.</exception>
    public static void Check(GenerationConfig config, int vocabularySize)
    {
        CheckLengths(config);
        CheckSearch(config);
        CheckScores(config);
        CheckTokens(config, vocabularySize);
    }

    private static void CheckLengths(GenerationConfig config)
    {
        AtLeast("max_new_tokens", config.MaxNewTokens, 1);
        AtLeast("max_length", config.MaxLength, 1);
        AtLeast("min_length", config.MinLength, 0);
        AtLeast("min_new_tokens", config.MinNewTokens, 0);
        AtLeast("MaxContext", config.MaxContext?.MaxTokens, 2);
        if (config.MinNewTokens > config.MaxNewTokens)
            throw Wrong("min_new_tokens", config.MinNewTokens, $"at most max_new_tokens, which is {config.MaxNewTokens}");
        if (config is { MaxNewTokens: null, MinNewTokens: null } && config.MinLength > config.MaxLength)
            throw Wrong("min_length", config.MinLength, $"at most max_length, which is {config.MaxLength}");
        if (config.MaxTime is { } time && time < TimeSpan.Zero)
            throw Wrong("max_time", time, "at least 0");
        foreach (string text in config.StopStrings ?? [])
        {
            if (string.IsNullOrEmpty(text))
                throw new ArgumentException("stop_strings holds an empty string; each must have at least one character");
        }
    }

    private static void CheckSearch(GenerationConfig config)
    {
        AtLeast("num_beams", config.NumBeams, 1);
        AtLeast("num_return_sequences", config.NumReturnSequences, 1);
        Number("length_penalty", config.LengthPenalty, float.MinValue, float.MaxValue);
        Number("temperature", config.Temperature, MinTemperature, float.MaxValue);
        AtLeast("top_k", config.TopK, 0);
        Number("top_p", config.TopP, 0, 1);
        Number("min_p", config.MinP, 0, 1);
        Number("typical_p", config.TypicalP, float.Epsilon, 1);
        Number("epsilon_cutoff", config.EpsilonCutoff, 0, MathF.BitDecrement(1));
        Number("eta_cutoff", config.EtaCutoff, 0, MathF.BitDecrement(1));
        int beams = config.NumBeams ?? 1;
        int returned = config.NumReturnSequences ?? 1;
        if (beams > MaxSequencesPerPrompt)
            throw Wrong("num_beams", beams, $"at most {MaxSequencesPerPrompt}");
        if (returned > MaxSequencesPerPrompt)
            throw Wrong("num_return_sequences", returned, $"at most {MaxSequencesPerPrompt}");
        if (beams > 1 && returned > beams)
            throw Wrong("num_return_sequences", returned, $"at most num_beams, which is {beams}");
        if (beams == 1 && returned > 1 && config.DoSample != true)
            throw Wrong("num_return_sequences", returned, "1 in greedy decoding, which has one answer; set num_beams or do_sample");
        if (config.EarlyStopping is { } early && !Enum.IsDefined(early))
            throw Wrong("early_stopping", early, "False, True or Never");
        if (config.OutputScores is { } output && !Enum.IsDefined(output))
            throw Wrong("output_scores", output, "None, Chosen or All");
    }

    private static void CheckScores(GenerationConfig config)
    {
        Number("repetition_penalty", config.RepetitionPenalty, float.Epsilon, float.MaxValue);
        AtLeast("no_repeat_ngram_size", config.NoRepeatNgramSize, 0);
        foreach (TokenBias entry in config.SequenceBias ?? [])
        {
            if (!(entry.Bias < float.PositiveInfinity))
                throw Wrong("sequence_bias", entry.Bias, "a finite number, or minus infinity to forbid the sequence");
        }
        if (config.ExponentialDecayLengthPenalty is not { } decay)
            return;
        AtLeast("exponential_decay_length_penalty's start", decay.Start, 0);
        Number("exponential_decay_length_penalty's factor", decay.Factor, float.Epsilon, float.MaxValue);
        if (config.EosTokenId is null or [])
            throw new ArgumentException("exponential_decay_length_penalty is set, but no eos_token_id whose score it could raise");
    }

    private static void CheckTokens(GenerationConfig config, int vocabularySize)
    {
        Tokens("eos_token_id", config.EosTokenId, vocabularySize);
        Tokens("suppress_tokens", config.SuppressTokens, vocabularySize);
        Tokens("begin_suppress_tokens", config.BeginSuppressTokens, vocabularySize);
        Tokens("forced_eos_token_id", config.ForcedEosTokenId, vocabularySize);
        Token("forced_bos_token_id", config.ForcedBosTokenId ?? 0, vocabularySize);
        if (config.ForcedEosTokenId is [])
            throw new ArgumentException("forced_eos_token_id is empty; it must name at least one token");
        foreach (IReadOnlyList<int> word in config.BadWordsIds ?? [])
            Sequence("bad_words_ids", word, vocabularySize);
        foreach (TokenBias entry in config.SequenceBias ?? [])
            Sequence("sequence_bias", entry.Tokens, vocabularySize);
    }

    private static void Sequence(string setting, IReadOnlyList<int>? tokens, int vocabularySize)
    {
        if (tokens is null or [])
            throw new ArgumentException($"{setting} holds an empty sequence; each must have at least one token");
        Tokens(setting, tokens, vocabularySize);
    }

    private static void Tokens(string setting, IReadOnlyList<int>? tokens, int vocabularySize)
    {
        foreach (int token in tokens ?? [])
            Token(setting, token, vocabularySize);
    }

    private static void Token(string setting, int token, int vocabularySize)
    {
        if ((uint)token >= (uint)vocabularySize)
            throw new ArgumentException($"{setting} names token {token}; the vocabulary has tokens 0 to {vocabularySize - 1}");
    }

    private static void AtLeast(string setting, int? value, int min)
    {
        if (value < min)
            throw Wrong(setting, value, $"at least {min}");
    }

    private static void Number(string setting, float? value, float min, float max)
    {
        if (value is not { } number || (number >= min && number <= max))
            return;
        string expected = (min, max) switch
        {
            (float.MinValue, _) => "a finite number",
            (float.Epsilon, float.MaxValue) => "a finite number above 0",
            (float.Epsilon, _) => $"above 0 and at most {max}",
            (_, < 1) => "at least 0 and below 1",
            _ => $"between {min} and {max}",
        };
        throw Wrong(setting, number, expected);
    }

    private static ArgumentException Wrong(string setting, object? value, string expected) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{setting} is {value}; it must be {expected}"));
}
