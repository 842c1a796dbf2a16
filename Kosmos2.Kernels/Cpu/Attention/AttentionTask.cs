using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// softmax(scale q k^T + bias) v for one <see cref="AttentionItem"/>, chunk of keys by chunk of keys, with a running maximum and total
/// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018), so that no row of scores is ever stored as a whole. Both products go
/// through the micro-kernel of the linear layers.
/// </summary>
/// <remarks>Chunks begin at fixed keys and a key that a query does not see weighs exactly 0: the other queries of an item change no result.</remarks>
internal readonly unsafe struct AttentionTask<S, TKeys, TRows>(AttentionItem item, TKeys source, int headSize, float scale, TileTable tiles, AttentionScratch<S> scratch)
    where S : unmanaged, ISimd<S>
    where TKeys : unmanaged, IKeySource<TRows>
    where TRows : unmanaged, IRowSource<S>
{
    private const int Chunk = AttentionScratch<S>.Chunk;

    private readonly RowPanels _panels = new(item.Count, S.TileRows);

    // One query reads keys and values once, where they lie.
    private readonly bool _keysInPlace = item.Count == 1 && TRows.IsPlain && source.Keys(0).Stride == headSize && SingleQuery<S>.ScoresInPlace;
    private readonly bool _valuesInPlace = item.Count == 1 && headSize % SingleQuery<S>.Columns == 0;

    public void Run()
    {
        PackQueries();
        int padded = AttentionScratch<S>.PaddedHead(headSize);
        new Span<float>(scratch.Sums, item.Count * padded).Clear();
        new Span<float>(scratch.Largest, item.Count).Fill(float.NegativeInfinity);
        new Span<float>(scratch.Totals, item.Count).Clear();
        int keys = item.VisibleTo(item.Count - 1);
        for (int key = 0; key < keys; key += Chunk)
        {
            int count = Math.Min(Chunk, keys - key);
            PackKeys(key, count, keys);
            if (!_valuesInPlace)
                PackValues(key, count, padded);
            for (int panel = 0; panel < _panels.Count; panel++)
                AddChunk(panel, key, count, padded);
        }
        for (int query = 0; query < item.Count; query++)
            Finish(query, padded);
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

    // Pieces that lie in one block of keys and in one panel.
    private void PackKeys(int key, int count, int keys)
    {
        int width = Panel<S>.Width;
        int piece = Math.Min(KeyValueBlocks.BlockSize, width);
        int whole = (count + width - 1) / width * width;
        for (int i = 0; i < whole; i += piece)
        {
            int block = (key + i) / KeyValueBlocks.BlockSize;
            int row = (key + i) % KeyValueBlocks.BlockSize;
            int rows = Math.Clamp(count - i, 0, piece);
            float* destination = scratch.Keys + ((nint)(i / width) * width * headSize) + (i % width);
            if (row == 0 && rows > 0)
                source.AskBeyond(block, (keys + KeyValueBlocks.BlockSize - 1) / KeyValueBlocks.BlockSize);
            if (_keysInPlace)
                continue;
            Packing.Pack<S, TRows>(rows > 0 ? source.Keys(block) : default, row, rows, 0, headSize, destination, piece, width);
        }
        if (!TKeys.HasBias)
            return;
        for (int i = 0; i < count; i++)
            scratch.Bias[i] = source.Bias((key + i) / KeyValueBlocks.BlockSize)[(key + i) % KeyValueBlocks.BlockSize];
    }

    private void PackValues(int key, int count, int padded)
    {
        int width = Panel<S>.Width;
        for (int i = 0; i < count; i++)
        {
            TRows rows = source.Values((key + i) / KeyValueBlocks.BlockSize);
            int row = (key + i) % KeyValueBlocks.BlockSize;
            for (int column = 0; column < padded; column += S.Width)
            {
                float* destination = scratch.Values + ((nint)(column / width) * width * Chunk) + (i * width) + (column % width);
                S values = headSize - column >= S.Width ? rows.Load(row, column) : rows.LoadPartial(row, column, Math.Max(headSize - column, 0));
                values.Store(destination);
            }
        }
    }

    private void AddChunk(int panel, int key, int count, int padded)
    {
        int first = _panels.Start(panel);
        int rows = _panels.Start(panel + 1) - first;
        new Span<float>(scratch.Scores, rows * Chunk).Clear();
        if (_keysInPlace)
            SingleQuery<S>.AddScores<TKeys, TRows>(source, key, count, headSize, scratch.Queries, scratch.Scores);
        else
            AddScores(scratch.Queries + ((nint)first * headSize), rows, count);
        for (int row = 0; row < rows; row++)
            Soften(first + row, scratch.Scores + (row * Chunk), key, count, padded);
        AddValues(first, rows, key, count, padded);
    }

    private void AddScores(float* queries, int rows, int count)
    {
        int width = Panel<S>.Width, several = SingleQuery<S>.Panels * width, column = 0;
        if (rows == 1)
        {
            int packed = (count + width - 1) / width * width;
            for (; packed - column >= several; column += several)
                SingleQuery<S>.Scores(queries, scratch.Keys + ((nint)column * headSize), headSize, scratch.Scores + column);
        }
        for (; column < count; column += width)
            tiles.Run(rows, queries, scratch.Keys + ((nint)column * headSize), scratch.Scores + column, headSize, Chunk);
    }

    private void AddValues(int first, int rows, int key, int count, int padded)
    {
        float* sums = scratch.Sums + ((nint)first * padded);
        if (_valuesInPlace)
        {
            for (int column = 0; column < headSize; column += SingleQuery<S>.Columns)
                SingleQuery<S>.AddValues<TKeys, TRows>(source, key, count, column, scratch.Scores, sums + column);
            return;
        }
        Packing.Pack<S, F32Rows<S>>(new(scratch.Scores, Chunk), 0, rows, 0, count, scratch.Weights, rows, rows);
        for (int column = 0; column < padded; column += Panel<S>.Width)
            tiles.Run(rows, scratch.Weights, scratch.Values + ((nint)column * Chunk), sums + column, count, padded);
    }

    // Scores of one query to exponentials; what was summed before is scaled down when the maximum rises.
    private void Soften(int query, float* scores, int key, int count, int padded)
    {
        int visible = Math.Clamp(item.VisibleTo(query) - key, 0, count);
        if (TKeys.HasBias)
            SoftmaxRow.AddBias<S>(scores, scratch.Bias, visible);
        if (item.Probabilities != null)
            new Span<float>(scores, visible).CopyTo(new Span<float>(item.Probabilities + ((nint)query * item.ProbabilityWidth) + key, visible));
        float largest = SoftmaxRow.Largest<S>(scores, visible, count, scratch.Largest[query]);
        float total = SoftmaxRow.Exponentials<S>(scores, count, largest);
        float kept = SoftmaxRow.Exponential<S>(scratch.Largest[query] - largest);
        scratch.Largest[query] = largest;
        scratch.Totals[query] = (scratch.Totals[query] * kept) + total;
        if (kept != 1)
            SoftmaxRow.Scale<S>(scratch.Sums + ((nint)query * padded), padded, kept);
    }

    private void Finish(int query, int padded)
    {
        float total = scratch.Totals[query];
        SoftmaxRow.Divide<S>(scratch.Sums + ((nint)query * padded), item.Outputs + (query * item.Stride), headSize, total);
        if (item.Probabilities == null)
            return;
        float* row = item.Probabilities + ((nint)query * item.ProbabilityWidth);
        int visible = item.VisibleTo(query);
        SoftmaxRow.Exponentials<S>(row, visible, scratch.Largest[query]);
        SoftmaxRow.Divide<S>(row, row, visible, total);
        new Span<float>(row + visible, item.ProbabilityWidth - visible).Clear();
    }
}
