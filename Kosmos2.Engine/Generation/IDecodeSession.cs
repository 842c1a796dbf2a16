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

    /// <summary>Appends one token to every sequence and runs one forward pass over them all.</summary>
    /// <param name="tokenIds">[SequenceCount].</param>
    /// <param name="bans">What <see cref="SelectGreedy"/> may not choose next, or null.</param>
    void Append(ReadOnlySpan<int> tokenIds, TokenBans? bans = null);

    /// <summary>
    /// Logits after a sequence's last token, in host memory, to be read and overwritten freely until the next <see cref="Append"/>.
    /// </summary>
    Span<float> LogitsOf(int sequence);

    /// <summary>Chooses each sequence's most likely token that is not banned, on the device; nothing but ids is copied to the host.</summary>
    /// <param name="tokenIds">[SequenceCount], to receive the ids.</param>
    void SelectGreedy(Span<int> tokenIds);

    /// <summary>
    /// Makes new sequence i a continuation of old sequence <paramref name="parents"/>[i]: beams split, swap and end, finished rows leave.
    /// Sets <see cref="SequenceCount"/> to the number of parents. Shared history is not copied. Logits rows move along.
    /// </summary>
    void Rearrange(ReadOnlySpan<int> parents);
}
