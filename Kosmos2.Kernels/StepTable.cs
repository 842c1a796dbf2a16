using System.Runtime.InteropServices;

namespace Kosmos2.Kernels;

/// <summary>
/// Everything that varies from one step of the decoder to the next: which rows run, whose they are, where their keys go. One block of
/// host integers with fixed sections, so that a device receives it in one copy and a recorded step finds its numbers in the same places.
/// Sections only move when <see cref="Reset"/> asks for more room than there is.
/// </summary>
/// <remarks>
/// The rows of all sequences stand packed one after another; a sequence's rows are its newest tokens, in order. There is no padding.
/// </remarks>
public sealed class StepTable : IDisposable
{
    private readonly int[] _offsets = new int[(int)Section.Count + 1];
    private readonly int[] _capacities = new int[(int)Section.Count];
    private Tensor _storage = Tensor.OnHost(DType.I32, 1);
    private int _blockCount;
    private int _banCount;
    private int _penalisedCount;

    /// <summary>The parts of the table.</summary>
    internal enum Section
    {
        TokenIds,
        Positions,
        GivenRows,
        Slots,
        KeyVisible,
        RowSequences,
        RowStarts,
        KeyCounts,
        BlockStarts,
        Blocks,
        OutputRows,
        BanStarts,
        Bans,
        Choices,
        Rules,
        PenalisedStarts,
        Penalised,
        Count,
    }

    /// <summary>Rows of the step.</summary>
    public int RowCount { get; private set; }

    /// <summary>Sequences of the step.</summary>
    public int SequenceCount { get; private set; }

    /// <summary>Rows whose hidden state goes on to the vocabulary product.</summary>
    public int OutputCount { get; private set; }

    /// <summary>Changes when the sections have moved: a recorded step is then void.</summary>
    public int LayoutVersion { get; private set; }

    /// <summary>[rows] token of each row; 0 where <see cref="GivenRows"/> is set.</summary>
    public Span<int> TokenIds => Part(Section.TokenIds, RowCount);

    /// <summary>[rows] row of the position table.</summary>
    public Span<int> Positions => Part(Section.Positions, RowCount);

    /// <summary>[rows] row of the given embeddings, or -1 for the token's own.</summary>
    public Span<int> GivenRows => Part(Section.GivenRows, RowCount);

    /// <summary>[rows] slot of the cache that receives the row's key and value: block * BlockSize + offset.</summary>
    public Span<int> Slots => Part(Section.Slots, RowCount);

    /// <summary>[rows] 1 when the row's key may be attended, 0 when a mask hides it.</summary>
    public Span<int> KeyVisible => Part(Section.KeyVisible, RowCount);

    /// <summary>[rows] sequence of each row.</summary>
    public Span<int> RowSequences => Part(Section.RowSequences, RowCount);

    /// <summary>[sequences + 1] first row of each sequence.</summary>
    public Span<int> RowStarts => Part(Section.RowStarts, SequenceCount + 1);

    /// <summary>[sequences] keys of each sequence once this step's rows are appended.</summary>
    public Span<int> KeyCounts => Part(Section.KeyCounts, SequenceCount);

    /// <summary>[sequences + 1] where each sequence's part of <see cref="Blocks"/> begins.</summary>
    public Span<int> BlockStarts => Part(Section.BlockStarts, SequenceCount + 1);

    /// <summary>The cache blocks of each sequence, in the order of its tokens.</summary>
    public Span<int> Blocks => Part(Section.Blocks, _blockCount);

    /// <summary>[outputs] the rows asked for, ascending.</summary>
    public Span<int> OutputRows => Part(Section.OutputRows, OutputCount);

    /// <summary>[outputs + 1] where each output's part of <see cref="Bans"/> begins.</summary>
    public Span<int> BanStarts => Part(Section.BanStarts, OutputCount + 1);

    /// <summary>Tokens that <see cref="IBackend.SelectTokens"/> may not choose, output by output.</summary>
    public Span<int> Bans => Part(Section.Bans, _banCount);

    /// <summary>[outputs] how <see cref="IBackend.SelectTokens"/> chooses.</summary>
    public Span<TokenChoice> Choices => MemoryMarshal.Cast<int, TokenChoice>(Part(Section.Choices, OutputCount * TokenChoice.Words));

    /// <summary>[outputs] which tokens <see cref="IBackend.SelectTokens"/> may choose, by their classes, and what it tells of them.</summary>
    public Span<TokenRule> Rules => MemoryMarshal.Cast<int, TokenRule>(Part(Section.Rules, OutputCount * TokenRule.Words));

    /// <summary>[outputs + 1] where each output's part of <see cref="Penalised"/> begins.</summary>
    public Span<int> PenalisedStarts => Part(Section.PenalisedStarts, OutputCount + 1);

    /// <summary>Tokens that <see cref="TokenChoice.Penalty"/> makes less likely, output by output; one that stands there several times counts once.</summary>
    public Span<int> Penalised => Part(Section.Penalised, _penalisedCount);

    /// <summary>All sections as one I32 tensor in host memory.</summary>
    internal Tensor Storage => _storage;

    /// <summary>
    /// Begins a step: sets the counts and leaves every section's content undefined except the starts' first entries (0), the choices (the likeliest
    /// token), the rules (any token, of which nothing is told) and the starts of the penalised (0).
    /// </summary>
    public void Reset(int rows, int sequences, int blocks, int outputs, int bans, int penalised = 0)
    {
        ReadOnlySpan<int> needed =
        [
            rows, rows, rows, rows, rows, rows,
            sequences + 1, sequences, sequences + 1, blocks,
            outputs, outputs + 1, bans,
            outputs * TokenChoice.Words, outputs * TokenRule.Words, outputs + 1, penalised,
        ];
        bool fits = true;
        for (int i = 0; i < needed.Length; i++)
            fits &= needed[i] <= _capacities[i];
        if (!fits)
            Relayout(needed);
        RowCount = rows;
        SequenceCount = sequences;
        OutputCount = outputs;
        _blockCount = blocks;
        _banCount = bans;
        _penalisedCount = penalised;
        RowStarts[0] = 0;
        BlockStarts[0] = 0;
        BanStarts[0] = 0;
        Choices.Clear();
        Rules.Clear();
        PenalisedStarts.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => _storage.Dispose();

    /// <summary>Where a section begins, in integers from the start of <see cref="Storage"/>.</summary>
    internal int Offset(Section section) => _offsets[(int)section];

    private Span<int> Part(Section section, int count) => _storage.AsSpan<int>().Slice(_offsets[(int)section], count);

    private void Relayout(ReadOnlySpan<int> needed)
    {
        for (int i = 0; i < needed.Length; i++)
        {
            // Twice what is needed, so that growing sequences move the sections rarely; sections start on 64-byte lines. None is empty: a
            // device has no place for a view past its buffer's end.
            if (needed[i] > _capacities[i] || _capacities[i] == 0)
                _capacities[i] = (Math.Max(16, needed[i] * 2) + 15) & ~15;
            _offsets[i + 1] = _offsets[i] + _capacities[i];
        }
        _storage.Dispose();
        _storage = Tensor.OnHost(DType.I32, Math.Max(1, _offsets[^1]));
        LayoutVersion++;
    }
}
