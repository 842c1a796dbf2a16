using Kosmos2.Engine.Generation;

namespace Kosmos2.Engine;

/// <summary>An answer about a picture: text, and where in the picture its phrases are.</summary>
public sealed record GroundedAnswer
{
    /// <summary>Prompt and answer as plain text, tags removed, as Hugging Face's post_process_generation gives it. The entities' spans point into it.</summary>
    public required string Text { get; init; }

    /// <summary>Prompt and answer with their tags, without the image's placeholders.</summary>
    public required string Raw { get; init; }

    /// <summary>The answer alone, tags removed.</summary>
    public required string Answer { get; init; }

    /// <summary>Phrases and their boxes, in the order of the text.</summary>
    public required IReadOnlyList<GroundedEntity> Entities { get; init; }

    /// <summary>The new token ids, the end token included when there is one.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Why generation ended.</summary>
    public required FinishReason FinishReason { get; init; }

    /// <summary>Where the time went.</summary>
    public required AnswerTimings Timings { get; init; }
}

/// <summary>Where the time of an answer went.</summary>
/// <param name="Preprocess">Resizing the picture, tokenizing the prompt.</param>
/// <param name="Encode">Vision encoder and resampler.</param>
/// <param name="FirstToken">Prefill of the prompt, up to the first token.</param>
/// <param name="Decode">All further tokens.</param>
public readonly record struct AnswerTimings(TimeSpan Preprocess, TimeSpan Encode, TimeSpan FirstToken, TimeSpan Decode)
{
    /// <summary>The sum.</summary>
    public TimeSpan Total => Preprocess + Encode + FirstToken + Decode;
}

/// <summary>How far an answer has come.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Tokens">New tokens so far.</param>
/// <param name="MaxTokens">The most there can be, or null when only a length of the whole is set.</param>
public readonly record struct GenerationProgress(GenerationStage Stage, int Tokens, int? MaxTokens);

/// <summary>The stages of an answer.</summary>
public enum GenerationStage
{
    /// <summary>The picture is being encoded.</summary>
    Encoding,

    /// <summary>The prompt is being read.</summary>
    Prefill,

    /// <summary>Tokens are being made.</summary>
    Decoding,
}
