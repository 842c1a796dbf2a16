using Kosmos2.Engine.Generation;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>Running sequences over the model's decoder: each has its own cache, and every step runs them all in one pass.</summary>
internal sealed class DecodeSession(Kosmos2Model model) : IDecodeSession
{
    private readonly StepLogits _logits = new(model);
    private readonly GivenEmbeddings _given = new(model.Backend, model.Config.TextConfig.EmbedDim);
    private readonly List<int> _lengths = []; // of the caches before the pass
    private TokenClasses? _classes; // of the last pass's choices
    private StepRecording? _recording; // of the last pass, where it was asked for
    private List<Sequence> _sequences = [];
    private List<Sequence> _next = [];

    /// <summary>A sequence.</summary>
    /// <param name="Cache">Its past.</param>
    /// <param name="Prompt">What it has still to run before anything else, or null.</param>
    /// <param name="Given">The rows that the prompt names, or null.</param>
    private readonly record struct Sequence(KeyValueCache Cache, SequenceInput? Prompt, Tensor? Given);

    /// <inheritdoc/>
    public int SequenceCount => _sequences.Count;

    /// <inheritdoc/>
    public int VocabularySize => model.Config.TextConfig.VocabSize;

    /// <summary>Adds a sequence. Its prompt, which has been checked, runs with the next pass, in a fork of its cache.</summary>
    public void Join(SequenceInput prompt, ImageEmbeddings? given) =>
        _sequences.Add(new Sequence(prompt.HandsOverCache ? prompt.Cache! : prompt.Cache?.Fork() ?? model.CreateCache(), prompt, given?.Tensor));

    /// <inheritdoc/>
    public void Forward(ReadOnlySpan<int> tokenIds = default, ReadOnlySpan<int> counts = default, StepChoices? choices = null, StepOutputs outputs = StepOutputs.None)
    {
        int promptRows = CheckCounts(tokenIds.Length, counts);
        int old = 0, blocks = 0;
        _lengths.Clear();
        foreach (Sequence sequence in _sequences)
        {
            _lengths.Add(sequence.Cache.Length);
            sequence.Cache.Reserve(sequence.Prompt?.TokenIds.Length ?? CountOf(counts, old++));
            blocks += sequence.Cache.Blocks.Count;
        }
        int rows = tokenIds.Length + promptRows;
        model.Step.Begin(rows, _sequences.Count, blocks, _sequences.Count, choices);
        try
        {
            AddRows(tokenIds, counts);
            _recording = outputs is StepOutputs.None or StepOutputs.Logits ? null : new StepRecording(model, outputs);
            _classes = model.Grammars.ClassesOf(choices?.Grammar);
            _logits.Set(model.Decoder.Forward(model.Step.Table, _given.Join(), model.Pool.Blocks, _recording?.Sink), choices?.ToldCount ?? 0);
            _recording?.End(model.Step.Table);
        }
        catch
        {
            for (int i = 0; i < _sequences.Count; i++)
                _sequences[i].Cache.Truncate(_lengths[i]);
            throw;
        }
        for (int i = 0; i < _sequences.Count; i++)
        {
            var (cache, prompt, _) = _sequences[i];
            _sequences[i] = new Sequence(cache, null, null);
            prompt?.Prefilled?.Invoke(cache);
        }
    }

    /// <inheritdoc/>
    public Span<float> LogitsOf(int sequence) => _logits.Of(sequence);

    /// <inheritdoc/>
    public StepOutput OutputOf(int sequence, StepOutputs outputs)
    {
        int row = _logits.RowOf(sequence); // one a sequence, in the order of the pass
        return new StepOutput(
            outputs.HasFlag(StepOutputs.Logits) ? LogitsOf(sequence).ToArray() : null,
            outputs.HasFlag(StepOutputs.HiddenStates) ? _recording!.HiddenStatesOf(row) : null,
            outputs.HasFlag(StepOutputs.Attentions) ? _recording!.AttentionsOf(row) : null);
    }

    /// <inheritdoc/>
    public void SelectTokens(Span<int> tokenIds) => _logits.SelectTokens(tokenIds, _classes);

    /// <inheritdoc/>
    public ReadOnlySpan<float> ToldOf(int sequence) => _logits.ToldOf(sequence, _classes);

    /// <inheritdoc/>
    public void Rearrange(ReadOnlySpan<int> parents)
    {
        // The first child of a parent takes its cache, further children fork it, childless parents end.
        _next.Clear();
        foreach (int parent in parents)
        {
            int sibling = parents[.._next.Count].IndexOf(parent);
            _next.Add(sibling < 0 ? _sequences[parent] : _sequences[parent] with { Cache = _next[sibling].Cache.Fork() });
        }
        for (int i = 0; i < _sequences.Count; i++)
        {
            if (!parents.Contains(i))
                _sequences[i].Cache.Dispose();
        }
        (_sequences, _next) = (_next, _sequences);
        _logits.Rearrange(parents);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Sequence sequence in _sequences)
            sequence.Cache.Dispose();
        _sequences.Clear();
        _given.Dispose();
    }

    private static int CountOf(ReadOnlySpan<int> counts, int sequence) => counts.IsEmpty ? 1 : counts[sequence];

    private void AddRows(ReadOnlySpan<int> tokenIds, ReadOnlySpan<int> counts)
    {
        StepWriter step = model.Step;
        _given.Clear();
        int old = 0, first = 0;
        for (int i = 0; i < _sequences.Count; i++)
        {
            var (cache, prompt, given) = _sequences[i];
            if (prompt is not null)
            {
                int offset = _given.Add(prompt.GivenRows is null ? null : given);
                step.Add(cache, prompt.TokenIds, prompt.GivenRows, prompt.AttentionMask, prompt.PositionIds, ^1.., offset);
                continue;
            }
            int count = CountOf(counts, old++);
            step.Add(cache, tokenIds.Slice(first, count), default, default, default, ^1..);
            first += count;
        }
    }

    /// <summary>Checks how many tokens are given.</summary>
    /// <returns>Rows of the prompts that run with them.</returns>
    private int CheckCounts(int tokens, ReadOnlySpan<int> counts)
    {
        int promptRows = 0, old = 0;
        foreach (Sequence sequence in _sequences)
        {
            promptRows += sequence.Prompt?.TokenIds.Length ?? 0;
            old += sequence.Prompt is null ? 1 : 0;
        }
        int expected = old;
        if (!counts.IsEmpty)
        {
            if (counts.Length != old)
                throw new ArgumentException($"{counts.Length} counts for {old} sequences", nameof(counts));
            expected = 0;
            foreach (int count in counts)
                expected += count > 0 ? count : throw new ArgumentException($"a sequence would get {count} tokens; each must get at least 1", nameof(counts));
        }
        if (tokens != expected)
            throw new ArgumentException($"{tokens} tokens were given; the {old} sequences take {expected}", nameof(tokens));
        return promptRows;
    }
}
