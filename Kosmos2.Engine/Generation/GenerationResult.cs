namespace Kosmos2.Engine.Generation;

/// <summary>Why a sequence ended.</summary>
public enum FinishReason
{
    /// <summary>An end-of-sequence token; it is the last of the sequence.</summary>
    Eos,

    /// <summary>The limit on new tokens.</summary>
    MaxNewTokens,

    /// <summary>The limit on prompt and new tokens together.</summary>
    MaxLength,

    /// <summary>The limit of <see cref="GenerationConfig.MaxContext"/>.</summary>
    MaxContext,

    /// <summary>The time limit.</summary>
    MaxTime,

    /// <summary>A stop string was completed.</summary>
    StopString,

    /// <summary>A criterion of the caller's own.</summary>
    StoppingCriterion,

    /// <summary>Beam search: every way to go on was forbidden; the sequence is empty.</summary>
    NoContinuation,

    /// <summary>The caller cancelled; the sequence holds what there was.</summary>
    Cancelled,
}

/// <summary>A token that was chosen for a sequence, told as soon as it is chosen.</summary>
/// <param name="Sequence">Index in <see cref="GenerationResult.Sequences"/>.</param>
/// <param name="Index">Position among the sequence's new tokens, from 0.</param>
/// <param name="Id">The token.</param>
/// <param name="Finish">Why the sequence ends with this token, or null when it goes on.</param>
public readonly record struct GeneratedToken(int Sequence, int Index, int Id, FinishReason? Finish);

/// <summary>One generated answer.</summary>
public sealed class GeneratedSequence
{
    /// <summary>Index of the prompt it answers.</summary>
    public required int Prompt { get; init; }

    /// <summary>The new tokens, an end-of-sequence token included, without padding.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Why it ended.</summary>
    public required FinishReason FinishReason { get; init; }

    /// <summary>Beam search: log probability / length ^ length penalty (<c>sequences_scores</c>). Otherwise null.</summary>
    public float? Score { get; init; }

    /// <summary>[new tokens] score of each chosen token after all processors, if asked for.</summary>
    public IReadOnlyList<float>? ChosenScores { get; init; }

    /// <summary>[new tokens][vocabulary] scores of each step after all processors, if asked for (<c>scores</c>).</summary>
    public IReadOnlyList<float[]>? Scores { get; init; }

    /// <summary>[new tokens][vocabulary] logits of each step before all processors, if asked for (<c>logits</c>).</summary>
    public IReadOnlyList<float[]>? Logits { get; init; }

    /// <summary>
    /// [new tokens][layers + 1] of [rows, width], if asked for (<c>hidden_states</c>): the embeddings, then each layer's output, the last after
    /// the final norm. The first step's rows are the prompt's (those that were not cached), the later ones' the token before.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<float[]>>? HiddenStates { get; init; }

    /// <summary>
    /// [new tokens][layers] of [heads, rows, keys], if asked for (<c>attentions</c>): probabilities, 0 where a row does not see a key. Rows as
    /// in <see cref="HiddenStates"/>; keys are all tokens up to the last row.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<float[]>>? Attentions { get; init; }

    /// <summary>
    /// Beam search: [new tokens] which of its prompt's running beams each token was added to, from 0; otherwise null. Hugging Face's
    /// <c>beam_indices</c> number the beams of all prompts through: <see cref="Prompt"/> * num_beams + this.
    /// </summary>
    public IReadOnlyList<int>? BeamIndices { get; init; }

    /// <summary>[new tokens] what the model thought of phrases and boxes; null without a grammar, and for tokens of neither.</summary>
    internal IReadOnlyList<TokenEvidence?>? Evidence { get; init; }
}

/// <summary>What a call to generate returns.</summary>
public sealed class GenerationResult
{
    internal GenerationResult(IReadOnlyList<GeneratedSequence> sequences, int padTokenId, bool cancelled)
    {
        Sequences = sequences;
        PadTokenId = padTokenId;
        Cancelled = cancelled;
    }

    /// <summary>The answers: all of the first prompt, best first, then all of the second, and so on.</summary>
    public IReadOnlyList<GeneratedSequence> Sequences { get; }

    /// <summary>The token that <see cref="Padded"/> fills with; -1 when the configuration names none.</summary>
    public int PadTokenId { get; }

    /// <summary>Whether the caller cancelled before all sequences had ended.</summary>
    public bool Cancelled { get; }

    /// <summary>The new tokens as Hugging Face returns them: every sequence padded at its end to the longest.</summary>
    public IReadOnlyList<int[]> Padded()
    {
        int longest = Sequences.Count == 0 ? 0 : Sequences.Max(s => s.Tokens.Count);
        return [.. Sequences.Select(s => s.Tokens.Concat(Enumerable.Repeat(PadTokenId, longest - s.Tokens.Count)).ToArray())];
    }
}
