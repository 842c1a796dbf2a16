namespace Kosmos2.Engine.Processing;

/// <summary>How far rows are filled up with <c>&lt;pad&gt;</c>.</summary>
public enum PaddingStrategy
{
    /// <summary>Rows keep their lengths. Hugging Face's padding=False.</summary>
    None,

    /// <summary>To the longest row. Hugging Face's padding=True.</summary>
    Longest,

    /// <summary>To <see cref="ProcessorOptions.MaxLength"/>. Hugging Face's padding="max_length".</summary>
    MaxLength,
}

/// <summary>On which side rows are filled up.</summary>
public enum PaddingSide
{
    /// <summary>Behind the tokens.</summary>
    Right,

    /// <summary>Before the tokens.</summary>
    Left,
}

/// <summary>Settings of <see cref="Kosmos2Processor"/>, under Hugging Face's names and with its defaults.</summary>
public sealed record ProcessorOptions
{
    /// <summary>The defaults.</summary>
    public static ProcessorOptions Default { get; } = new();

    /// <summary>Begins each row with <c>&lt;s&gt;</c>.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>Ends each row with <c>&lt;/s&gt;</c>, if <see cref="AddSpecialTokens"/> is set too. Not for prompts that are to be continued.</summary>
    public bool AddEosToken { get; init; }

    /// <summary>Places for a picture's embeddings, the model's latent_query_num; at least 1.</summary>
    public int NumImageTokens { get; init; } = 64;

    /// <summary>
    /// The first of the ids that hold the places of a picture's embeddings; the next ids follow. Null for the one after <c>&lt;unk&gt;</c>. Which ids
    /// stand there does not change an answer, but for processors that look back at the ids, such as no_repeat_ngram_size.
    /// </summary>
    public int? FirstImageTokenId { get; init; }

    /// <summary>
    /// How far rows are filled up. As in Hugging Face one example with a picture is never filled up, and several with pictures always to the
    /// longest at least.
    /// </summary>
    public PaddingStrategy Padding { get; init; }

    /// <summary>The side; null for the processor's own.</summary>
    public PaddingSide? PaddingSide { get; init; }

    /// <summary>Length for <see cref="PaddingStrategy.MaxLength"/> and <see cref="Truncation"/>, in tokens, those of a picture included.</summary>
    public int? MaxLength { get; init; }

    /// <summary>A padded length is rounded up to a multiple of this.</summary>
    public int? PadToMultipleOf { get; init; }

    /// <summary>Cuts the end off rows longer than <see cref="MaxLength"/>, but not <c>&lt;/s&gt;</c>.</summary>
    public bool Truncation { get; init; }

    /// <summary>
    /// Accepts boxes that leave the picture and patches that do not exist, as Hugging Face does: it writes them as they come, which makes
    /// other boxes or plain text of them.
    /// </summary>
    public bool AllowBoxesOutside { get; init; }
}
