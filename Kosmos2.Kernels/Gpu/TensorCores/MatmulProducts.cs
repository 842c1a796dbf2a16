namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// A matmul's loop. While a warp multiplies with 16 inputs of its rows and outputs, the next 16 are on their way from shared memory to registers, and the
/// tiles after this one on their way from global memory to shared memory. One barrier a tile: behind it the next tile is there, and the one before has been
/// read by all warps, so that its place may be filled again.
/// </summary>
internal sealed class MatmulProducts
{
    private readonly PtxText _text;
    private readonly MatmulTile _tile;
    private readonly MatmulCopies _copies;
    private readonly IntegerOperand? _integers;
    private readonly MatmulSums _sums;
    private readonly int _steps;
    private readonly string[] _rowAddress;
    private readonly string[] _outputAddress;

    // [double buffer][piece of 16 rows, piece of 8 outputs][registers]
    private readonly string[][][] _a;
    private readonly string[][][] _b;

    public MatmulProducts(
        PtxText text, MatmulTile tile, MatmulCopies copies, IntegerOperand? integers, MatmulSums sums, string shared, string lane, string warpRow, string warpOutput)
    {
        (_text, _tile, _copies, _integers, _sums) = (text, tile, copies, integers, sums);
        _steps = tile.Depth / 16;
        (string row, string rowHalf) = WarpMatrices.RowsFirst(text, lane);
        _rowAddress = Addresses(shared, text.B32("add.u32", warpRow, row), rowHalf);
        (string output, string outputHalf) = WarpMatrices.ColumnsFirst(text, lane);
        _outputAddress = Addresses(shared, text.B32("add.u32", warpOutput, output), outputHalf);
        _a = [.. Enumerable.Range(0, 2).Select(_ => Pieces(sums.Down, 4))];
        _b = [.. Enumerable.Range(0, 2).Select(_ => Pieces(sums.Across, 2))];
    }

    /// <summary>Writes the loop over the block's inputs, of which there may be none.</summary>
    public void Write(InputRange range)
    {
        int ahead = _tile.Stages - 1;
        for (int stage = 0; stage < ahead; stage++)
        {
            _copies.Begin();
            _copies.Copy(0, _copies.Count, stage, stage);
            _copies.Commit();
        }
        _integers?.Start();
        string left = range.Tiles(_text, _tile.Depth);
        string loop = _text.NewLabel("LOOP"), done = _text.NewLabel("DONE");
        _copies.Wait(ahead - 1);
        Load(0, stage: 0, step: 0);
        _text.Label(loop);
        for (int stage = 0; stage < _tile.Stages; stage++)
        {
            _text.Remark($"the tile in stage {stage}");
            Multiply(stage, ahead);
            _text.Do("sub.s32", left, left, 1);
            if (stage < _tile.Stages - 1)
                _text.When(_text.Predicate("setp.le.s32", left, 0), "bra", done);
        }
        _copies.Advance(_tile.Stages);
        _text.When(_text.Predicate("setp.gt.s32", left, 0), "bra", loop);
        _text.Label(done);
        // Nothing may be on its way to where the sums go next.
        _copies.Wait(0);
    }

    private void Multiply(int stage, int ahead)
    {
        for (int step = 0; step < _steps; step++)
        {
            bool last = step == _steps - 1;
            if (last)
                _copies.Wait(ahead - 1);
            Load((step + 1) % 2, last ? (stage + 1) % _tile.Stages : stage, (step + 1) % _steps);
            if (step == 0)
            {
                _sums.BeginTile();
                _copies.Begin();
                _integers?.Begin();
            }
            for (int i = 0; i < _sums.Down; i++)
            {
                // The copies are spread among the products of the first steps.
                if (!last)
                {
                    int turn = (step * _sums.Down) + i, turns = (_steps - 1) * _sums.Down;
                    _copies.Copy(_copies.Count * turn / turns, _copies.Count * (turn + 1) / turns, (stage + ahead) % _tile.Stages, stage + ahead);
                    _integers?.Pass(_integers.Count * turn / turns, _integers.Count * (turn + 1) / turns, (stage + 1) % _tile.Stages);
                }
                for (int j = 0; j < _sums.Across; j++)
                    _sums.Add(step, i, j, _a[step % 2][i], _b[step % 2][j]);
            }
            if (step == _steps - 2)
                _copies.Commit();
        }
        _sums.EndTile();
    }

    /// <summary>Reads 16 inputs of the warp's rows and outputs into registers.</summary>
    private void Load(int buffer, int stage, int step)
    {
        for (int i = 0; i < _sums.Down; i++)
            WarpMatrices.Load(_text, _a[buffer][i], _rowAddress[step], (stage * _tile.StageBytes) + (16 * i * _tile.Pitch));
        for (int j = 0; j < _sums.Across; j += 2)
        {
            int offset = (stage * _tile.StageBytes) + ((_tile.Rows + (8 * j)) * _tile.Pitch);
            WarpMatrices.Load(_text, [.. _b[buffer][j], .. _b[buffer][j + 1]], _outputAddress[step], offset);
        }
    }

    private string[] Addresses(string shared, string line, string half) =>
        WarpMatrices.Addresses(_text, shared, _tile.Depth / MatmulTile.ChunkInputs, line, half, _steps);

    private string[][] Pieces(int count, int registers) => [.. Enumerable.Range(0, count).Select(_ => _text.Registers("r", registers))];
}
