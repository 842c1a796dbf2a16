namespace Kosmos2.Engine.Generation;

/// <summary>Hugging Face's <c>early_stopping</c>: when a beam search ends, once it has <c>num_beams</c> finished sequences.</summary>
public enum EarlyStopping
{
    /// <summary>When the best running beam, scored at its present length, does not beat the worst finished sequence: a heuristic.</summary>
    False,

    /// <summary>At once.</summary>
    True,

    /// <summary>When no running beam can beat the worst finished sequence at any length up to the limit.</summary>
    Never,
}

/// <summary>Which scores a result carries. Scores are those after all logits processors.</summary>
public enum ScoreOutput
{
    /// <summary>None. Greedy decoding then reads back nothing but token ids.</summary>
    None,

    /// <summary>One number a step: the chosen token's.</summary>
    Chosen,

    /// <summary>The chosen token's, and the whole vocabulary's of each step.</summary>
    All,
}

/// <summary>An entry of <c>sequence_bias</c>.</summary>
/// <param name="Tokens">The sequence, at least one token.</param>
/// <param name="Bias">Added to the score of its last token when the others have just been seen: finite, or minus infinity.</param>
public sealed record TokenBias(IReadOnlyList<int> Tokens, float Bias);

/// <summary><c>exponential_decay_length_penalty</c>.</summary>
/// <param name="Start">New tokens before it sets in.</param>
/// <param name="Factor">The end-of-sequence score grows by its size times Factor ^ (tokens past Start) - 1.</param>
public sealed record ExponentialDecay(int Start, float Factor);

/// <summary>What to do with a prompt that leaves no room below the limit.</summary>
public enum ContextOverflow
{
    /// <summary>Refuse it.</summary>
    Error,

    /// <summary>Drop tokens from its end until there is room for one new token.</summary>
    Truncate,
}

/// <summary>
/// A limit on a sequence's length, prompt and new tokens together. Generation ends when it is reached. KOSMOS-2 itself has none: its
/// positions are computed for any length.
/// </summary>
/// <param name="MaxTokens">The limit, at least 2.</param>
/// <param name="Overflow">What becomes of a prompt that reaches the limit by itself.</param>
public sealed record ContextPolicy(int MaxTokens, ContextOverflow Overflow = ContextOverflow.Error)
{
    /// <summary>Tokens of a prompt that are kept.</summary>
    /// <param name="promptLength">Tokens of the prompt.</param>
    /// <exception cref="ArgumentException">The prompt reaches the limit and <see cref="Overflow"/> is <see cref="ContextOverflow.Error"/>.</exception>
    public int Fit(int promptLength)
    {
        if (promptLength < MaxTokens)
            return promptLength;
        return Overflow == ContextOverflow.Truncate
            ? MaxTokens - 1
            : throw new ArgumentException($"the prompt has {promptLength} tokens; MaxContext allows {MaxTokens} with at least one new token among them");
    }
}
