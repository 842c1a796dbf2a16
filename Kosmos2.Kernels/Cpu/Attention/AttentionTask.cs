using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// softmax(scale q k^T + bias) v for one <see cref="AttentionItem"/>, chunk of keys by chunk of keys. Keys and values are brought into panels, and both products go
/// through the micro-kernel of the linear layers.
/// </summary>
internal readonly unsafe struct AttentionTask<S, TKeys, TValues>(AttentionItem item, TKeys source, int headSize, float scale, TileTable tiles, AttentionScratch<S> scratch)
    where S : unmanaged, ISimd<S>
    where TKeys : unmanaged, IKeySource<TValues>
    where TValues : unmanaged, IRowSource<S>
{
    private const int Chunk = AttentionScratch<S>.Chunk;

    private readonly RowPanels _panels = new(item.Count, S.TileRows);
    private readonly OnlineSoftmax<S> _softmax = new(item, scratch, headSize, TKeys.HasBias);
    private readonly int _padded = AttentionScratch<S>.PaddedHead(headSize);

    public void Run()
    {
        PackQueries();
        _softmax.Begin();
        int keys = item.VisibleTo(item.Count - 1);
        for (int key = 0; key < keys; key += Chunk)
        {
            int count = Math.Min(Chunk, keys - key);
            source.PackKeys(key, count, scratch.Keys);
            source.CopyBias(key, count, scratch.Bias);
            PackValues(key, count);
            for (int panel = 0; panel < _panels.Count; panel++)
                AddChunk(panel, key, count);
        }
        for (int query = 0; query < item.Count; query++)
            _softmax.Finish(query);
    }

    private void PackQueries()
    {
        var rows = new ScaledRows<S>(item.Queries, item.Stride, scale);
        for (int panel = 0; panel < _panels.Count; panel++)
        {
            int first = _panels.Start(panel);
            int count = _panels.Start(panel + 1) - first;
            Packing.Pack<S, ScaledRows<S>>(rows, first, count, 0, headSize, scratch.Queries + ((nint)first * headSize), count, count);
        }
    }

    private void PackValues(int key, int count)
    {
        int width = Panel<S>.Width;
        for (int i = 0; i < count; i++)
        {
            TValues rows = source.Values((key + i) / KeyValueBlocks.BlockSize);
            int row = (key + i) % KeyValueBlocks.BlockSize;
            for (int column = 0; column < _padded; column += S.Width)
            {
                float* destination = scratch.Values + ((nint)(column / width) * width * Chunk) + (i * width) + (column % width);
                S values = headSize - column >= S.Width ? rows.Load(row, column) : rows.LoadPartial(row, column, Math.Max(headSize - column, 0));
                values.Store(destination);
            }
        }
    }

    private void AddChunk(int panel, int key, int count)
    {
        int width = Panel<S>.Width;
        int first = _panels.Start(panel);
        int rows = _panels.Start(panel + 1) - first;
        float* queries = scratch.Queries + ((nint)first * headSize);
        new Span<float>(scratch.Scores, rows * Chunk).Clear();
        for (int column = 0; column < count; column += width)
            tiles.Run(rows, queries, scratch.Keys + ((nint)column * headSize), scratch.Scores + column, headSize, Chunk);
        for (int row = 0; row < rows; row++)
            _softmax.Soften(first + row, scratch.Scores + (row * Chunk), key, count);
        Packing.Pack<S, F32Rows<S>>(new(scratch.Scores, Chunk), 0, rows, 0, count, scratch.Weights, rows, rows);
        for (int column = 0; column < _padded; column += width)
            tiles.Run(rows, scratch.Weights, scratch.Values + ((nint)column * Chunk), scratch.Sums + ((nint)first * _padded) + column, count, _padded);
    }
}
