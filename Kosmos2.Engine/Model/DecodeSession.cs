using Kosmos2.Engine.Generation;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>Running sequences over the model's decoder: each has its own cache, and every step runs them all in one pass.</summary>
internal sealed class DecodeSession : IDecodeSession
{
    private readonly Kosmos2Model _model;
    private readonly IReadOnlyList<SequenceInput> _prompts;
    private readonly Tensor? _given;
    private List<KeyValueCache> _caches = [];
    private List<KeyValueCache> _next = [];
    private Tensor? _deviceLogits;

    // [sequences] each sequence's row of the device's logits: sequences may leave or split before they are read.
    private List<int> _logitRows = [];
    private List<int> _nextLogitRows = [];

    // Logits on the host, filled on demand: [sequences, V], and [device rows, V] where rows go elsewhere.
    private float[] _logits = [];
    private float[] _deviceOrder = [];
    private int[] _selected = [];
    private bool _logitsOnHost;

    public DecodeSession(Kosmos2Model model, IReadOnlyList<SequenceInput> prompts, ImageEmbeddings? images)
    {
        _model = model;
        _prompts = prompts;
        _given = images?.Tensor;
        foreach (SequenceInput prompt in prompts)
            _caches.Add(prompt.Cache?.Fork() ?? model.CreateCache());
    }

    /// <inheritdoc/>
    public int SequenceCount => _caches.Count;

    /// <inheritdoc/>
    public int VocabularySize => _model.Config.TextConfig.VocabSize;

    /// <inheritdoc/>
    public void Prefill(TokenBans? bans = null)
    {
        int rows = 0;
        for (int i = 0; i < _caches.Count; i++)
        {
            rows += _prompts[i].TokenIds.Length;
            _caches[i].Reserve(_prompts[i].TokenIds.Length);
        }
        StepWriter step = Begin(rows, bans);
        for (int i = 0; i < _caches.Count; i++)
        {
            SequenceInput prompt = _prompts[i];
            step.Add(_caches[i], prompt.TokenIds, prompt.GivenRows, prompt.AttentionMask, prompt.PositionIds, ^1.., BansOf(bans, i));
        }
        Run(step, _given);
        for (int i = 0; i < _caches.Count; i++)
            _prompts[i].Prefilled?.Invoke(_caches[i]);
    }

    /// <inheritdoc/>
    public void Append(ReadOnlySpan<int> tokenIds, ReadOnlySpan<int> counts = default, TokenBans? bans = null)
    {
        CheckCounts(tokenIds.Length, counts);
        for (int i = 0; i < _caches.Count; i++)
            _caches[i].Reserve(counts.IsEmpty ? 1 : counts[i]);
        StepWriter step = Begin(tokenIds.Length, bans);
        int first = 0;
        for (int i = 0; i < _caches.Count; i++)
        {
            int count = counts.IsEmpty ? 1 : counts[i];
            step.Add(_caches[i], tokenIds.Slice(first, count), default, default, default, ^1.., BansOf(bans, i));
            first += count;
        }
        Run(step, null);
    }

    /// <inheritdoc/>
    public Span<float> LogitsOf(int sequence)
    {
        if (!_logitsOnHost)
            DownloadLogits();
        return _logits.AsSpan(sequence * VocabularySize, VocabularySize);
    }

    /// <inheritdoc/>
    public void SelectGreedy(Span<int> tokenIds)
    {
        Tensor logits = DeviceLogits();
        if (_selected.Length < logits.Rows)
            _selected = new int[logits.Rows];
        _model.Decoder.SelectTokens(logits, _selected.AsSpan(0, logits.Rows));
        for (int i = 0; i < tokenIds.Length; i++)
            tokenIds[i] = _selected[_logitRows[i]];
    }

    /// <inheritdoc/>
    public void Rearrange(ReadOnlySpan<int> parents)
    {
        // The first child of a parent takes its cache, further children fork it, childless parents end.
        _next.Clear();
        _nextLogitRows.Clear();
        foreach (int parent in parents)
        {
            int sibling = parents[.._next.Count].IndexOf(parent);
            _nextLogitRows.Add(_logitRows[parent]);
            _next.Add(sibling < 0 ? _caches[parent] : _next[sibling].Fork());
        }
        for (int i = 0; i < _caches.Count; i++)
        {
            if (!parents.Contains(i))
                _caches[i].Dispose();
        }
        (_caches, _next) = (_next, _caches);
        (_logitRows, _nextLogitRows) = (_nextLogitRows, _logitRows);
        _logitsOnHost = false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (KeyValueCache cache in _caches)
            cache.Dispose();
        _caches.Clear();
    }

    private static ReadOnlySpan<int> BansOf(TokenBans? bans, int sequence) => bans is null ? default : bans[sequence];

    private void CheckCounts(int tokens, ReadOnlySpan<int> counts)
    {
        int expected = _caches.Count;
        if (!counts.IsEmpty)
        {
            if (counts.Length != _caches.Count)
                throw new ArgumentException($"{counts.Length} counts for {_caches.Count} sequences", nameof(counts));
            expected = 0;
            foreach (int count in counts)
                expected += count > 0 ? count : throw new ArgumentException($"a sequence would get {count} tokens; each must get at least 1", nameof(counts));
        }
        if (tokens != expected)
            throw new ArgumentException($"{tokens} tokens were given; the {_caches.Count} sequences take {expected}", nameof(tokens));
    }

    private StepWriter Begin(int rows, TokenBans? bans)
    {
        int blocks = 0;
        foreach (KeyValueCache cache in _caches)
            blocks += cache.Blocks.Count;
        _model.Step.Begin(rows, _caches.Count, blocks, _caches.Count, bans?.TokenCount ?? 0);
        return _model.Step;
    }

    private void Run(StepWriter step, Tensor? given)
    {
        _deviceLogits = _model.Decoder.Forward(step.Table, given, _model.Pool.Blocks, null);
        _logitsOnHost = false;
        _logitRows.Clear();
        for (int i = 0; i < _caches.Count; i++)
            _logitRows.Add(i);
    }

    private Tensor DeviceLogits() => _deviceLogits ?? throw new InvalidOperationException("no forward pass has run yet");

    private void DownloadLogits()
    {
        Tensor logits = DeviceLogits();
        int vocabulary = VocabularySize, rows = logits.Rows;
        Grow(ref _logits, checked(Math.Max(rows, _caches.Count) * vocabulary));
        if (KeepsOrder(rows))
        {
            _model.Backend.Download(logits, _logits.AsSpan(0, rows * vocabulary));
        }
        else
        {
            Grow(ref _deviceOrder, rows * vocabulary);
            _model.Backend.Download(logits, _deviceOrder.AsSpan(0, rows * vocabulary));
            for (int i = 0; i < _logitRows.Count; i++)
                _deviceOrder.AsSpan(_logitRows[i] * vocabulary, vocabulary).CopyTo(_logits.AsSpan(i * vocabulary));
        }
        _logitsOnHost = true;
    }

    private bool KeepsOrder(int rows)
    {
        bool same = _logitRows.Count <= rows;
        for (int i = 0; i < _logitRows.Count; i++)
            same &= _logitRows[i] == i;
        return same;
    }

    private static void Grow(ref float[] buffer, int length)
    {
        if (buffer.Length < length)
            buffer = new float[length];
    }
}
