using Kosmos2.Engine.Generation;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>Fills a step's table from sequences: slots, positions, block tables, rows that get logits. Allocates nothing.</summary>
internal sealed class StepWriter(SinusoidalPositions positions, int padTokenId) : IDisposable
{
    private StepChoices? _choices;
    private int _row;
    private int _sequence;
    private int _block;
    private int _output;
    private int _ban;
    private int _penalised;

    /// <summary>The table being filled.</summary>
    public StepTable Table { get; } = new();

    /// <summary>
    /// Begins a step; the counts are those of all the sequences that follow, their caches' room reserved. Where there are choices, sequences get one output
    /// each.
    /// </summary>
    public void Begin(int rows, int sequences, int blocks, int outputs, StepChoices? choices = null)
    {
        Table.Reset(rows, sequences, blocks, outputs, choices?.Bans.TokenCount ?? 0, choices?.Penalised.TokenCount ?? 0);
        _choices = choices;
        _row = _sequence = _block = _output = _ban = _penalised = 0;
    }

    /// <summary>
    /// Adds a sequence; those of its rows that lie in <paramref name="logits"/> get logits. Spans other than the ids may be empty: no given rows,
    /// all visible, positions by the rule. Given rows count from <paramref name="givenOffset"/>.
    /// </summary>
    public void Add(
        KeyValueCache cache, ReadOnlySpan<int> ids, ReadOnlySpan<int> givenRows, ReadOnlySpan<bool> visible, ReadOnlySpan<int> positionIds,
        Range logits, int givenOffset = 0)
    {
        StepTable table = Table;
        (int firstOutput, int outputs) = logits.GetOffsetAndLength(ids.Length);
        int highest = 0;
        for (int i = 0; i < ids.Length; i++, _row++)
        {
            bool counts = ids[i] != padTokenId;
            int slot = cache.Append(ids[i], counts);
            // Positions begin behind the padding row, which has the pad token's id as its number.
            int position = !positionIds.IsEmpty ? positionIds[i] : padTokenId + (counts ? cache.PositionCount : 0);
            highest = Math.Max(highest, position);
            table.TokenIds[_row] = ids[i];
            table.Positions[_row] = position;
            table.GivenRows[_row] = givenRows.IsEmpty || givenRows[i] < 0 ? -1 : givenOffset + givenRows[i];
            table.Slots[_row] = slot;
            table.KeyVisible[_row] = visible.IsEmpty || visible[i] ? 1 : 0;
            table.RowSequences[_row] = _sequence;
            if (i >= firstOutput && i < firstOutput + outputs)
                AddOutput(_row);
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

    private void AddOutput(int row)
    {
        Table.OutputRows[_output] = row;
        if (_choices is not null)
        {
            Table.Choices[_output] = _choices[_sequence];
            Table.Rules[_output] = _choices.RuleOf(_sequence);
            Append(_choices.Bans[_sequence], Table.Bans, ref _ban);
            Append(_choices.Penalised[_sequence], Table.Penalised, ref _penalised);
        }
        _output++;
        Table.BanStarts[_output] = _ban;
        Table.PenalisedStarts[_output] = _penalised;
    }

    private static void Append(ReadOnlySpan<int> tokens, Span<int> section, ref int count)
    {
        tokens.CopyTo(section[count..]);
        count += tokens.Length;
    }
}
