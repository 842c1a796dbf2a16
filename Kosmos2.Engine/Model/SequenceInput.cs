namespace Kosmos2.Engine.Model;

/// <summary>
/// One sequence's part of a forward pass: its new tokens, what replaces their embeddings, which of them may be attended. Sequences of any
/// lengths run in one pass, without padding, and each gets exactly what it would get alone.
/// </summary>
public sealed class SequenceInput
{
    /// <summary>The new tokens, at least one. Where <see cref="GivenRows"/> is set the id only counts for positions.</summary>
    public required int[] TokenIds { get; init; }

    /// <summary>[tokens] row of the given embeddings that stands in for the token's own, or -1; null for none (Hugging Face's image_embeds_position_mask).</summary>
    public int[]? GivenRows { get; init; }

    /// <summary>[tokens] whether a token may be attended to (Hugging Face's attention_mask); null for all.</summary>
    public bool[]? AttentionMask { get; init; }

    /// <summary>
    /// [tokens] rows of the position table; null for Hugging Face's rule: tokens that are not pads count 2, 3, 4 ... through the whole sequence,
    /// pads are at 1, which is pad_token_id (with another pad token positions begin behind that). Rows are 0 to 65,535.
    /// </summary>
    public int[]? PositionIds { get; init; }

    /// <summary>The sequence's past, which the new tokens are appended to; null for none (and nothing is kept).</summary>
    public KeyValueCache? Cache { get; init; }

    /// <summary>
    /// Which of the new tokens get a row of logits in <see cref="Kosmos2Model.Forward(IReadOnlyList{SequenceInput}, ImageEmbeddings?, LogitRows, IActivationSink?)"/>,
    /// as in <c>3..^1</c>; null for what the pass asks of all sequences. The vocabulary product is computed for these rows only.
    /// </summary>
    public Range? LogitRange { get; init; }

    /// <summary>Whether generation takes the cache over and disposes it, instead of continuing a fork.</summary>
    internal bool HandsOverCache { get; init; }

    /// <summary>Called by generation when the prompt has been run, with the running sequence's cache, which it may fork.</summary>
    internal Action<KeyValueCache>? Prefilled { get; init; }

    /// <summary>The tokens that get logits in a pass that asks for <paramref name="rows"/>.</summary>
    internal Range LogitRangeOr(LogitRows rows) => LogitRange ?? rows switch { LogitRows.None => 0..0, LogitRows.Last => ^1.., _ => .. };

    /// <summary>The cache's tokens and the new ones.</summary>
    internal int[] WholePrompt() => Cache is null ? TokenIds : [.. Cache.TokenIds, .. TokenIds];
}

/// <summary>Which rows of a forward pass get logits.</summary>
public enum LogitRows
{
    /// <summary>None.</summary>
    None,

    /// <summary>Each sequence's last row: what generation needs.</summary>
    Last,

    /// <summary>Every row.</summary>
    All,
}

/// <summary>Logits of a forward pass.</summary>
/// <param name="Logits">[rows asked for, vocabulary], sequence by sequence.</param>
/// <param name="Vocabulary">Length of a row.</param>
/// <param name="RowStarts">[sequences + 1] each sequence's first row.</param>
public sealed record ForwardOutput(float[] Logits, int Vocabulary, int[] RowStarts)
{
    /// <summary>Logits of a row of a sequence, counted from the sequence's first row asked for.</summary>
    public ReadOnlySpan<float> Row(int sequence, int row) => Logits.AsSpan((RowStarts[sequence] + row) * Vocabulary, Vocabulary);
}
