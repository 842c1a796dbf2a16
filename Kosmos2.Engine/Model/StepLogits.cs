using System.Runtime.InteropServices;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>
/// The logits of the last forward pass: on the device until someone reads them. Sequences may split, swap and leave before that, so each
/// keeps the number of its row.
/// </summary>
internal sealed class StepLogits(Kosmos2Model model)
{
    private Tensor? _device; // [rows of the pass, V]

    // [sequences] each one's row on the device.
    private List<int> _rows = [];
    private List<int> _next = [];

    // On the host, filled on demand: [sequences, V], and [rows of the pass, V] where the order differs.
    private float[] _host = [];
    private float[] _deviceOrder = [];
    private int[] _results = []; // [rows of the pass] the chosen tokens, and what rules ask about them
    private int _resultCount;
    private bool _isOnHost;

    private int Vocabulary => model.Config.TextConfig.VocabSize;

    /// <summary>Takes the logits of a pass that ran one row for each sequence.</summary>
    /// <param name="logits">[rows, vocabulary].</param>
    /// <param name="told">Numbers that the pass's rules ask for.</param>
    public void Set(Tensor logits, int told)
    {
        _device = logits;
        _resultCount = logits.Rows + told;
        _isOnHost = false;
        _rows.Clear();
        for (int i = 0; i < logits.Rows; i++)
            _rows.Add(i);
    }

    /// <summary>A sequence's row on the device.</summary>
    public int RowOf(int sequence) => _rows[sequence];

    /// <summary>A sequence's logits, to be overwritten freely.</summary>
    public Span<float> Of(int sequence)
    {
        if (!_isOnHost)
            Download();
        return _host.AsSpan(sequence * Vocabulary, Vocabulary);
    }

    /// <summary>The token of each sequence that the pass's table has the device choose.</summary>
    public void SelectTokens(Span<int> tokenIds, TokenClasses? classes)
    {
        Tensor logits = OnDevice();
        if (_results.Length < _resultCount)
            _results = new int[_resultCount];
        model.Decoder.SelectTokens(logits, _results.AsSpan(0, _resultCount), classes);
        for (int i = 0; i < tokenIds.Length; i++)
            tokenIds[i] = _results[_rows[i]];
    }

    /// <summary>What <see cref="SelectTokens"/> told of a sequence's token, as the rule of its row asked.</summary>
    public ReadOnlySpan<float> ToldOf(int sequence, TokenClasses? classes)
    {
        TokenRule rule = model.Step.Table.Rules[_rows[sequence]];
        return MemoryMarshal.Cast<int, float>(_results.AsSpan(OnDevice().Rows + rule.Place, rule.Numbers(classes?.Cells)));
    }

    /// <summary>New sequence i has the logits of old sequence parents[i]; a sequence that has not run has none.</summary>
    public void Rearrange(ReadOnlySpan<int> parents)
    {
        _next.Clear();
        foreach (int parent in parents)
            _next.Add(parent < _rows.Count ? _rows[parent] : -1);
        (_rows, _next) = (_next, _rows);
        _isOnHost = false;
    }

    private Tensor OnDevice() => _device ?? throw new InvalidOperationException("no forward pass has run yet");

    private void Download()
    {
        Tensor logits = OnDevice();
        int rows = logits.Rows;
        Grow(ref _host, checked(Math.Max(rows, _rows.Count) * Vocabulary));
        bool sameOrder = _rows.Count <= rows;
        for (int i = 0; i < _rows.Count; i++)
            sameOrder &= _rows[i] == i;
        if (sameOrder)
        {
            model.Backend.Download(logits, _host.AsSpan(0, rows * Vocabulary));
        }
        else
        {
            Grow(ref _deviceOrder, rows * Vocabulary);
            model.Backend.Download(logits, _deviceOrder.AsSpan(0, rows * Vocabulary));
            for (int i = 0; i < _rows.Count; i++)
                _deviceOrder.AsSpan(_rows[i] * Vocabulary, Vocabulary).CopyTo(_host.AsSpan(i * Vocabulary));
        }
        _isOnHost = true;
    }

    private static void Grow(ref float[] buffer, int length)
    {
        if (buffer.Length < length)
            buffer = new float[length];
    }
}
