using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// A batch of running sequences as token selection sees it: each has a cache, and after each forward pass a row of logits for the token
/// that comes next. Sequences of different lengths run together, join and leave, and each gets what it would get alone.
/// </summary>
/// <remarks>
/// Order of calls: <see cref="Forward"/>; then read <see cref="LogitsOf"/> or call <see cref="SelectTokens"/>, perhaps
/// <see cref="Rearrange"/>; and again. How sequences join is the session's own affair; they join at the end, between two passes.
/// </remarks>
internal interface IDecodeSession : IDisposable
{
    /// <summary>Sequences, those included that have joined and not run yet.</summary>
    int SequenceCount { get; }

    /// <summary>Length of a row of logits.</summary>
    int VocabularySize { get; }

    /// <summary>
    /// Runs one forward pass over all sequences: those that have run before are given their next tokens, new ones run their prompts. Logits
    /// are computed after each sequence's last token only. A pass that fails has appended nothing.
    /// </summary>
    /// <param name="tokenIds">The next tokens of the sequences that have run before, sequence by sequence.</param>
    /// <param name="counts">For each sequence that has run before how many are its, at least 1; empty for one each.</param>
    /// <param name="choices">For every sequence how <see cref="SelectTokens"/> chooses, or null for the likeliest token.</param>
    /// <param name="outputs">What <see cref="OutputOf"/> may be asked for besides logits.</param>
    void Forward(
        ReadOnlySpan<int> tokenIds = default, ReadOnlySpan<int> counts = default, StepChoices? choices = null, StepOutputs outputs = StepOutputs.None);

    /// <summary>
    /// Logits after a sequence's last token, in host memory, to be read and overwritten freely until the next <see cref="Forward"/> or
    /// <see cref="Rearrange"/>.
    /// </summary>
    Span<float> LogitsOf(int sequence);

    /// <summary>Copies of what a sequence's rows gave in the last pass. Logits are as <see cref="LogitsOf"/> has them now.</summary>
    StepOutput OutputOf(int sequence, StepOutputs outputs);

    /// <summary>Chooses each sequence's next token on the device; nothing is copied to the host but ids and what rules ask for.</summary>
    /// <param name="tokenIds">[SequenceCount], to receive the ids; -1 where no token is possible.</param>
    void SelectTokens(Span<int> tokenIds);

    /// <summary>What <see cref="SelectTokens"/> told of a sequence's token besides its id: what its <see cref="TokenRule"/> asks for. Valid until it is called again.</summary>
    ReadOnlySpan<float> ToldOf(int sequence);

    /// <summary>
    /// Makes new sequence i a continuation of old sequence <paramref name="parents"/>[i]: beams split, swap and end, finished rows leave.
    /// Sets <see cref="SequenceCount"/> to the number of parents. Shared history is not copied. Each child has its parent's logits, as the
    /// forward pass left them.
    /// </summary>
    void Rearrange(ReadOnlySpan<int> parents);
}
