using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine.Model;

/// <summary>
/// Arguments of one forward pass as Hugging Face's Kosmos2Model.forward and Kosmos2ForConditionalGeneration.forward take them: a batch of
/// rows of one length, filled up with pads, with masks. For those who compare with Hugging Face or bring its inputs; whoever starts anew
/// gives <see cref="SequenceInput"/>s, which need no padding.
/// </summary>
/// <remarks>In the shapes B is the batch, T the new tokens of a row, P the tokens of its past, W the decoder's width, L latent_query_num.</remarks>
public sealed record ForwardInputs
{
    /// <summary><c>input_ids</c> [B][T]; either these or <see cref="InputsEmbeds"/>.</summary>
    public int[][]? InputIds { get; init; }

    /// <summary><c>inputs_embeds</c> [B][T * W], not yet scaled by sqrt(W): what stands in for the tokens' own embeddings.</summary>
    public float[][]? InputsEmbeds { get; init; }

    /// <summary><c>pixel_values</c>: pictures for the vision encoder; either these or <see cref="ImageEmbeds"/>, or neither for text alone.</summary>
    public PixelValues? PixelValues { get; init; }

    /// <summary><c>image_embeds</c> [images * L, W]: pictures encoded before. They stay the caller's.</summary>
    public ImageEmbeddings? ImageEmbeds { get; init; }

    /// <summary>
    /// <c>image_embeds_position_mask</c> [B][T]: non-zero where the next row of the image embeddings goes, counted through the whole batch. Marks
    /// exactly as many places as there are rows; null where there are no pictures.
    /// </summary>
    public int[][]? ImageEmbedsPositionMask { get; init; }

    /// <summary><c>attention_mask</c> [B][P + T]: 0 where a token may not be attended to; null for none. The past's part may not change between calls.</summary>
    public int[][]? AttentionMask { get; init; }

    /// <summary>
    /// <c>position_ids</c> [B][T] rows of the position table; null for the rule: tokens that are not pads count 2, 3, 4 ... through the row and
    /// its past, pads are at 1, as for <see cref="SequenceInput.PositionIds"/>.
    /// </summary>
    public int[][]? PositionIds { get; init; }

    /// <summary><c>past_key_values</c>: what an earlier call returned, or null. The new tokens are appended to it in place.</summary>
    public PastKeyValues? PastKeyValues { get; init; }

    /// <summary>
    /// <c>use_cache</c>: whether the output carries <see cref="PastKeyValues"/>; null for the configuration's setting, or no where there are labels.
    /// With false a past that was given stays as it is.
    /// </summary>
    public bool? UseCache { get; init; }

    /// <summary><c>labels</c> [B][T]: token ids to score, -100 for none; the label of a place is predicted by the row before it.</summary>
    public int[][]? Labels { get; init; }

    /// <summary>Which rows get logits; with <see cref="LogitRows.None"/> this is Kosmos2Model.forward. Labels need all.</summary>
    public LogitRows Logits { get; init; } = LogitRows.All;

    /// <summary><c>output_hidden_states</c>: of the decoder, and of the vision encoder where it runs.</summary>
    public bool OutputHiddenStates { get; init; }

    /// <summary><c>output_attentions</c>: of the decoder, and of the vision encoder where it runs.</summary>
    public bool OutputAttentions { get; init; }

    /// <summary><c>interpolate_pos_encoding</c>: accept pictures of other sizes than the configured one.</summary>
    public bool InterpolatePosEncoding { get; init; }
}
