using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>Seventy tokens of one sequence through a cache, some of them hidden, so many at a time.</summary>
internal static class CachedPrompt
{
    private const int Tokens = 70;
    private const int Heads = 2;
    private const int HeadSize = 9;

    /// <summary>All rows' attention [Tokens, Heads * HeadSize].</summary>
    public static float[] Run(CpuOptions options, int piece, CacheFormat format)
    {
        using var backend = new CpuBackend(options);
        using var bench = new Workbench(backend);
        KeyValueBlocks cache = bench.Cache(1, Heads, HeadSize, 8, format);
        Tensor q = bench.Random(1, Tokens, Heads * HeadSize);
        Tensor k = bench.Random(2, Tokens, Heads * HeadSize);
        Tensor v = bench.Random(3, Tokens, Heads * HeadSize);
        Tensor y = bench.Result(Tokens, Heads * HeadSize);
        using var table = new StepTable();
        for (int first = 0; first < Tokens; first += piece)
        {
            int rows = Math.Min(piece, Tokens - first);
            Fill(table, first, rows);
            backend.BeginStep(table);
            backend.AppendKeyValues(k.SliceRows(first, rows), v.SliceRows(first, rows), cache, 0);
            backend.CachedAttention(q.SliceRows(first, rows), cache, 0, 0.4f, y.SliceRows(first, rows));
            backend.EndStep();
        }
        return bench.Read(y);
    }

    // Blocks in an order of their own; every fifth key is hidden.
    private static void Fill(StepTable table, int first, int rows)
    {
        int blocks = (first + rows + KeyValueBlocks.BlockSize - 1) / KeyValueBlocks.BlockSize;
        table.Reset(rows, 1, blocks, 1, 0);
        for (int i = 0; i < blocks; i++)
            table.Blocks[i] = 7 - i;
        for (int i = 0; i < rows; i++)
        {
            int token = first + i;
            table.TokenIds[i] = 0;
            table.Positions[i] = token;
            table.GivenRows[i] = -1;
            table.RowSequences[i] = 0;
            table.KeyVisible[i] = token % 5 == 4 ? 0 : 1;
            table.Slots[i] = (table.Blocks[token / KeyValueBlocks.BlockSize] * KeyValueBlocks.BlockSize) + (token % KeyValueBlocks.BlockSize);
        }
        table.RowStarts[1] = rows;
        table.KeyCounts[0] = first + rows;
        table.BlockStarts[1] = blocks;
        table.OutputRows[0] = rows - 1;
        table.BanStarts[1] = 0;
    }
}
