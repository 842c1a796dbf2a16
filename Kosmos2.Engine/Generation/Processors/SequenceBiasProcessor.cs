namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>sequence_bias</c> and <c>bad_words_ids</c>: adds to the score of a token that would complete a given sequence, minus infinity for a bad
/// word. A sequence of one token always applies; a longer one only when its other tokens have just been seen.
/// </summary>
internal sealed class SequenceBiasProcessor : ILogitsProcessor
{
    private readonly (int Token, float Bias)[] _single;
    private readonly (int[] Tokens, float Bias)[] _longer;

    public SequenceBiasProcessor(IEnumerable<TokenBias> biases)
    {
        // A sequence named twice counts once, with its last bias, as in a Python dictionary.
        var all = new Dictionary<string, (int[] Tokens, float Bias)>();
        foreach (TokenBias entry in biases)
            all[string.Join(',', entry.Tokens)] = ([.. entry.Tokens], entry.Bias);
        _single = [.. all.Values.Where(b => b.Tokens.Length == 1).Select(b => (b.Tokens[0], b.Bias))];
        _longer = [.. all.Values.Where(b => b.Tokens.Length > 1)];
    }

    /// <summary>Forbids words, except those that are an end-of-sequence token.</summary>
    public static SequenceBiasProcessor ForBadWords(IEnumerable<IReadOnlyList<int>> words, IReadOnlyList<int> endOfSequence) => new(
        words.Where(w => w.Count != 1 || !endOfSequence.Contains(w[0])).Select(w => new TokenBias(w, float.NegativeInfinity)));

    public void Process(in SequenceView sequence, Span<float> scores)
    {
        foreach (var (token, bias) in _single)
            scores[token] += bias;
        foreach (var (tokens, bias) in _longer)
        {
            // Hugging Face ignores a sequence longer than the whole context, even one whose first tokens are all there.
            if (tokens.Length <= sequence.Tokens.Length && sequence.Tokens.EndsWith(tokens.AsSpan(0, tokens.Length - 1)))
                scores[tokens[^1]] += bias;
        }
    }
}
