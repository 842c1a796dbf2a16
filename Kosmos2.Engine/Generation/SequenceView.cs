namespace Kosmos2.Engine.Generation;

/// <summary>A running sequence as logits processors and stopping criteria see it.</summary>
public readonly ref struct SequenceView
{
    internal SequenceView(ReadOnlySpan<int> tokens, int promptLength, int maxLength, int prompt, NgramIndex? ngrams)
    {
        Tokens = tokens;
        PromptLength = promptLength;
        MaxLength = maxLength;
        Prompt = prompt;
        Ngrams = ngrams;
    }

    /// <summary>All tokens so far: the prompt's, image placeholders included, then the new ones.</summary>
    public ReadOnlySpan<int> Tokens { get; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptLength { get; }

    /// <summary>The new tokens so far.</summary>
    public ReadOnlySpan<int> NewTokens => Tokens[PromptLength..];

    /// <summary>Length at which the sequence ends, prompt included; <see cref="int.MaxValue"/> when nothing limits it.</summary>
    public int MaxLength { get; }

    /// <summary>Index of the prompt that the sequence continues.</summary>
    public int Prompt { get; }

    /// <summary>The runs of tokens in <see cref="Tokens"/>, kept where no_repeat_ngram_size asks for it.</summary>
    internal NgramIndex? Ngrams { get; }
}

/// <summary>
/// Changes the scores from which a sequence's next token is chosen: Hugging Face's LogitsProcessor. Those given by the caller run after
/// the built-in ones and before the sampling filters.
/// </summary>
public interface ILogitsProcessor
{
    /// <summary>Changes the scores in place.</summary>
    /// <param name="sequence">The sequence so far.</param>
    /// <param name="scores">[vocabulary] logits; in a beam search log probabilities. Negative infinity forbids a token.</param>
    void Process(in SequenceView sequence, Span<float> scores);
}

/// <summary>Decides whether a sequence ends: Hugging Face's StoppingCriteria.</summary>
public interface IStoppingCriterion
{
    /// <summary>Whether the sequence ends with its last token. Asked once after each new token; in a beam search once for each candidate.</summary>
    bool ShouldStop(in SequenceView sequence);
}
