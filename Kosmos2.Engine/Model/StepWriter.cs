using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>Fills a step's table from sequences: slots, positions, block tables, rows that get logits. Allocates nothing.</summary>
internal sealed class StepWriter(SinusoidalPositions positions, int padTokenId) : IDisposable
{
    private int _row;
    private int _sequence;
    private int _block;
    private int _output;
    private int _ban;

    /// <summary>The table being filled.</summary>
    public StepTable Table { get; } = new();

    /// <summary>Begins a step; the counts are those of all the sequences that follow, their caches' room reserved.</summary>
    public void Begin(int rows, int sequences, int blocks, int outputs, int bans)
    {
        Table.Reset(rows, sequences, blocks, outputs, bans);
        _row = _sequence = _block = _output = _ban = 0;
    }

    /// <summary>
    /// Adds a sequence; those of its rows that lie in <paramref name="logits"/> get logits. Spans other than the ids may be empty: no given rows,
    /// all visible, positions by the rule, no bans. Given rows count from <paramref name="givenOffset"/>.
    /// </summary>
    public void Add(
        KeyValueCache cache, ReadOnlySpan<int> ids, ReadOnlySpan<int> givenRows, ReadOnlySpan<bool> visible, ReadOnlySpan<int> positionIds,
        Range logits, ReadOnlySpan<int> bans, int givenOffset = 0)
    {
        StepTable table = Table;
        (int firstOutput, int outputs) = logits.GetOffsetAndLength(ids.Length);
        int highest = 0;
        for (int i = 0; i < ids.Length; i++, _row++)
        {
            bool counts = ids[i] != padTokenId;
            int slot = cache.Append(ids[i], counts);
            int position = !positionIds.IsEmpty ? positionIds[i] : counts ? cache.PositionCount + 1 : padTokenId;
            highest = Math.Max(highest, position);
            table.TokenIds[_row] = ids[i];
            table.Positions[_row] = position;
            table.GivenRows[_row] = givenRows.IsEmpty || givenRows[i] < 0 ? -1 : givenOffset + givenRows[i];
            table.Slots[_row] = slot;
            table.KeyVisible[_row] = visible.IsEmpty || visible[i] ? 1 : 0;
            table.RowSequences[_row] = _sequence;
            if (i >= firstOutput && i < firstOutput + outputs)
                AddOutput(_row, bans);
        }
        foreach (int block in cache.Blocks)
            table.Blocks[_block++] = block;
        table.KeyCounts[_sequence] = cache.Length;
        _sequence++;
        table.RowStarts[_sequence] = _row;
        table.BlockStarts[_sequence] = _block;
        positions.Cover(highest);
    }

    /// <inheritdoc/>
    public void Dispose() => Table.Dispose();

    private void AddOutput(int row, ReadOnlySpan<int> bans)
    {
        Table.OutputRows[_output++] = row;
        foreach (int token in bans)
            Table.Bans[_ban++] = token;
        Table.BanStarts[_output] = _ban;
    }
}
