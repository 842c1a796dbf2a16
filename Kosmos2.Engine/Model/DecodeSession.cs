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

    // Host logits [sequences, V], filled on demand; two buffers, so that rows can be rearranged.
    private float[] _logits = [];
    private float[] _spareLogits = [];
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
            step.Add(_caches[i], prompt.TokenIds, prompt.GivenRows, prompt.AttentionMask, prompt.PositionIds, LogitRows.Last, BansOf(bans, i));
        }
        Run(step, _given);
    }

    /// <inheritdoc/>
    public void Append(ReadOnlySpan<int> tokenIds, TokenBans? bans = null)
    {
        if (tokenIds.Length != _caches.Count)
            throw new ArgumentException($"{tokenIds.Length} tokens for {_caches.Count} sequences", nameof(tokenIds));
        foreach (KeyValueCache cache in _caches)
            cache.Reserve(1);
        StepWriter step = Begin(_caches.Count, bans);
        for (int i = 0; i < _caches.Count; i++)
            step.Add(_caches[i], tokenIds.Slice(i, 1), default, default, default, LogitRows.Last, BansOf(bans, i));
        Run(step, null);
    }

    /// <inheritdoc/>
    public Span<float> LogitsOf(int sequence)
    {
        if (!_logitsOnHost)
        {
            Tensor logits = _deviceLogits ?? throw new InvalidOperationException("no forward pass has run yet");
            int length = checked(logits.Rows * VocabularySize);
            if (_logits.Length < length)
                _logits = new float[length];
            _model.Backend.Download(logits, _logits.AsSpan(0, length));
            _logitsOnHost = true;
        }
        return _logits.AsSpan(sequence * VocabularySize, VocabularySize);
    }

    /// <inheritdoc/>
    public void SelectGreedy(Span<int> tokenIds)
    {
        Tensor logits = _deviceLogits ?? throw new InvalidOperationException("no forward pass has run yet, or the sequences were rearranged since");
        _model.Decoder.SelectTokens(logits, tokenIds);
    }

    /// <inheritdoc/>
    public void Rearrange(ReadOnlySpan<int> parents)
    {
        // Whoever needs logits after this reads them on the host: bring them there while their rows still stand in the old order.
        if (_deviceLogits is not null)
            LogitsOf(0);
        MoveLogits(parents);
        _deviceLogits = null;

        // The first child of a parent takes its cache, further children fork it, childless parents end.
        _next.Clear();
        foreach (int parent in parents)
        {
            int sibling = IndexOfParent(parents, parent, _next.Count);
            _next.Add(sibling < 0 ? _caches[parent] : _next[sibling].Fork());
        }
        for (int i = 0; i < _caches.Count; i++)
        {
            if (!parents.Contains(i))
                _caches[i].Dispose();
        }
        (_caches, _next) = (_next, _caches);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (KeyValueCache cache in _caches)
            cache.Dispose();
        _caches.Clear();
    }

    private static ReadOnlySpan<int> BansOf(TokenBans? bans, int sequence) => bans is null ? default : bans[sequence];

    private static int IndexOfParent(ReadOnlySpan<int> parents, int parent, int before) => parents[..before].IndexOf(parent);

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
    }

    private void MoveLogits(ReadOnlySpan<int> parents)
    {
        int length = checked(parents.Length * VocabularySize);
        if (_spareLogits.Length < length)
            _spareLogits = new float[length];
        for (int i = 0; i < parents.Length; i++)
            _logits.AsSpan(parents[i] * VocabularySize, VocabularySize).CopyTo(_spareLogits.AsSpan(i * VocabularySize));
        (_logits, _spareLogits) = (_spareLogits, _logits);
    }
}
