namespace Kosmos2.Engine.Generation;

/// <summary>
/// A batch of running sequences as token selection sees it: each has a cache, and after each forward pass a row of logits for the token
/// that comes next. Sequences of different lengths run together, and each gets what it would get alone.
/// </summary>
/// <remarks>
/// Order of calls: <see cref="Prefill"/> once; then, for each new token, read <see cref="LogitsOf"/> or call <see cref="SelectGreedy"/>,
/// perhaps <see cref="Rearrange"/>, and <see cref="Append"/>.
/// </remarks>
internal interface IDecodeSession : IDisposable
{
    /// <summary>Running sequences.</summary>
    int SequenceCount { get; }

    /// <summary>Length of a row of logits.</summary>
    int VocabularySize { get; }

    /// <summary>Runs the prompts.</summary>
    /// <param name="bans">What <see cref="SelectGreedy"/> may not choose, or null.</param>
    void Prefill(TokenBans? bans = null);

    /// <summary>
    /// Appends tokens to every sequence and runs one forward pass over them all. Logits are computed after each sequence's last token only.
    /// </summary>
    /// <param name="tokenIds">The tokens, sequence by sequence.</param>
    /// <param name="counts">[SequenceCount] how many are each sequence's, at least 1; empty for one each.</param>
    /// <param name="bans">What <see cref="SelectGreedy"/> may not choose next, or null.</param>
    void Append(ReadOnlySpan<int> tokenIds, ReadOnlySpan<int> counts = default, TokenBans? bans = null);

    /// <summary>
    /// Logits after a sequence's last token, in host memory, to be read and overwritten freely until the next <see cref="Append"/>.
    /// </summary>
    Span<float> LogitsOf(int sequence);

    /// <summary>Chooses each sequence's most likely token that is not banned, on the device; nothing but ids is copied to the host.</summary>
    /// <param name="tokenIds">[SequenceCount], to receive the ids.</param>
    void SelectGreedy(Span<int> tokenIds);

    /// <summary>
    /// Makes new sequence i a continuation of old sequence <paramref name="parents"/>[i]: beams split, swap and end, finished rows leave.
    /// Sets <see cref="SequenceCount"/> to the number of parents. Shared history is not copied. Each child has its parent's logits, as the
    /// forward pass left them.
    /// </summary>
    void Rearrange(ReadOnlySpan<int> parents);
}
