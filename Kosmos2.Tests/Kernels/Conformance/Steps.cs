using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>One sequence's part of a step.</summary>
/// <param name="Blocks">Its blocks of the cache.</param>
/// <param name="Keys">Its keys once the step's rows are appended.</param>
/// <param name="Rows">Its rows in the step: the last of its keys.</param>
/// <param name="Visible">Whether the key at a position may be attended; null: all may.</param>
internal sealed record SequenceRows(int[] Blocks, int Keys, int Rows, Func<int, bool>? Visible = null);

/// <summary>Step tables for tests.</summary>
internal static class Steps
{
    /// <summary>The table of a decoder step over several sequences.</summary>
    public static StepTable Of(params ReadOnlySpan<SequenceRows> sequences)
    {
        int rows = 0;
        int blocks = 0;
        foreach (SequenceRows sequence in sequences)
        {
            rows += sequence.Rows;
            blocks += sequence.Blocks.Length;
        }
        var table = new StepTable();
        table.Reset(rows, sequences.Length, blocks, 0, 0);
        int row = 0;
        for (int s = 0; s < sequences.Length; s++)
        {
            SequenceRows sequence = sequences[s];
            sequence.Blocks.CopyTo(table.Blocks[table.BlockStarts[s]..]);
            table.BlockStarts[s + 1] = table.BlockStarts[s] + sequence.Blocks.Length;
            table.KeyCounts[s] = sequence.Keys;
            for (int i = 0; i < sequence.Rows; i++, row++)
            {
                int position = sequence.Keys - sequence.Rows + i;
                table.Slots[row] = (sequence.Blocks[position / KeyValueBlocks.BlockSize] * KeyValueBlocks.BlockSize)
                    + (position % KeyValueBlocks.BlockSize);
                table.KeyVisible[row] = sequence.Visible?.Invoke(position) == false ? 0 : 1;
                table.RowSequences[row] = s;
                table.TokenIds[row] = 0;
                table.Positions[row] = position;
                table.GivenRows[row] = -1;
            }
            table.RowStarts[s + 1] = row;
        }
        return table;
    }

    /// <summary>A table for embedding rows: each a token, or a given row.</summary>
    public static StepTable Embedding(int[] tokens, int[] positions, int[] given)
    {
        StepTable table = Of(new SequenceRows([.. Enumerable.Range(0, (tokens.Length + 15) / 16)], tokens.Length, tokens.Length));
        tokens.CopyTo(table.TokenIds);
        positions.CopyTo(table.Positions);
        given.CopyTo(table.GivenRows);
        return table;
    }

    /// <summary>A table whose outputs are some of its rows, each with bans, perhaps a way to choose its token, tokens to penalise and a rule.</summary>
    public static StepTable Outputs(int rows, int[] outputs, int[][] bans, TokenChoice[]? choices = null, int[][]? penalised = null, TokenRule[]? rules = null)
    {
        var table = new StepTable();
        table.Reset(rows, 1, (rows + 15) / 16, outputs.Length, bans.Sum(b => b.Length), penalised?.Sum(p => p.Length) ?? 0);
        choices?.CopyTo(table.Choices);
        rules?.CopyTo(table.Rules);
        for (int r = 0; r < rows; r++)
            (table.TokenIds[r], table.Positions[r], table.GivenRows[r], table.Slots[r], table.KeyVisible[r], table.RowSequences[r]) = (0, r, -1, r, 1, 0);
        for (int b = 0; b < table.Blocks.Length; b++)
            table.Blocks[b] = b;
        table.RowStarts[1] = rows;
        table.KeyCounts[0] = rows;
        table.BlockStarts[1] = table.Blocks.Length;
        outputs.CopyTo(table.OutputRows);
        for (int i = 0; i < outputs.Length; i++)
        {
            bans[i].CopyTo(table.Bans[table.BanStarts[i]..]);
            table.BanStarts[i + 1] = table.BanStarts[i] + bans[i].Length;
            int[] less = penalised?[i] ?? [];
            less.CopyTo(table.Penalised[table.PenalisedStarts[i]..]);
            table.PenalisedStarts[i + 1] = table.PenalisedStarts[i] + less.Length;
        }
        return table;
    }
}
