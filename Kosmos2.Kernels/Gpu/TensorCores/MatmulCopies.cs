using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Copies of a matmul's operands into shared memory, 16 bytes at a time, that run beside the computation (<c>cp.async</c>). A row of a tile keeps its chunks
/// of 16 bytes in an order of its own, so that the eight rows which <c>ldmatrix</c> reads at once lie in different banks. Rows past the end repeat the last row,
/// whose sums are never stored; inputs past the end become zeros.
/// </summary>
internal sealed class MatmulCopies
{
    private const string Copying = "cp.async.cg.shared.global";

    private readonly PtxText _text;
    private readonly MatmulTile _tile;
    private readonly string _inputs;
    private readonly InputRange _range;
    private readonly string _thread;
    private readonly int _chunks;
    private readonly string _chunk;
    private readonly List<(string Source, int Destination, string? Guard)> _copies = [];
    private string _size = "";

    public MatmulCopies(PtxText text, MatmulTile tile, string shared, string thread, string inputs, InputRange range)
    {
        (_text, _tile, _inputs, _range, _thread) = (text, tile, inputs, range, thread);
        _chunks = tile.Depth / MatmulTile.ChunkInputs;
        _chunk = text.B32("rem.u32", thread, _chunks);
        Line = text.B32("div.u32", _thread, _chunks);
        string place = text.B32("mad.lo.u32", Line, tile.Pitch, text.B32("mul.lo.u32", WarpMatrices.Swizzled(text, _chunks, Line, _chunk), WarpMatrices.ChunkBytes));
        Destination = text.B32("add.u32", shared, place);
        Position = text.B32("mad.lo.u32", _chunk, MatmulTile.ChunkInputs, range.First);
    }

    /// <summary>The first of the lines of an operand's tile that this thread has a chunk of.</summary>
    public string Line { get; }

    /// <summary>From one of them to the next.</summary>
    public int LinesAtOnce => _tile.Threads / _chunks;

    /// <summary>Where the chunk of that line lies in the first operand's first tile.</summary>
    public string Destination { get; }

    /// <summary>The first input of this thread's chunk in the tile that is copied next.</summary>
    public string Position { get; }

    /// <summary>Bytes of a tile of the operands so far.</summary>
    public int OperandBytes { get; private set; }

    /// <summary>Copies of one tile that each thread makes.</summary>
    public int Count => _copies.Count;

    /// <summary>Adds an operand: rows from <paramref name="first"/> on of a matrix with <paramref name="count"/> rows, <paramref name="lines"/> of them a tile.</summary>
    public void Operand(string matrix, string first, string count, int lines)
    {
        int step = LinesAtOnce;
        string last = _text.B32("sub.s32", count, 1);
        string start = _text.B32("add.s32", first, Line);
        for (int line = 0; line < lines; line += step)
        {
            string row = _text.B32("min.s32", line == 0 ? start : _text.B32("add.s32", start, line), last);
            string element = _text.B64("mad.wide.s32", row, _inputs, _text.B64("cvt.u64.u32", Position));
            // The last lines may be fewer than what all threads copy at once.
            string? guard = line + step <= lines ? null : _text.Predicate("setp.lt.u32", Line, lines - line);
            _copies.Add((_text.B64("add.s64", matrix, _text.B64("shl.b64", element, 1)), OperandBytes + (line * _tile.Pitch), guard));
        }
        OperandBytes += lines * _tile.Pitch;
    }

    /// <summary>Begins the copy of the next tile: finds out whether this thread's chunk is still within the inputs.</summary>
    public void Begin()
    {
        string within = _text.Predicate("setp.lt.s32", Position, _range.End);
        _size = _text.B32("selp.u32", 16, 0, within);
        _text.Do("add.s32", Position, Position, _tile.Depth);
    }

    /// <summary>Some of the tile's copies.</summary>
    /// <param name="from">The first.</param>
    /// <param name="to">The one after the last.</param>
    /// <param name="stage">Where the tile goes.</param>
    /// <param name="ahead">Tiles from the one that the sources point to.</param>
    public void Copy(int from, int to, int stage, int ahead)
    {
        foreach ((string source, int destination, string? guard) in _copies[from..to])
        {
            object[] copy = [At(Destination, (stage * _tile.StageBytes) + destination), At(source, ahead * _tile.Pitch), 16, _size];
            if (guard is null)
                _text.Do(Copying, copy);
            else
                _text.When(guard, Copying, copy);
        }
    }

    /// <summary>Ends the copy of a tile.</summary>
    public void Commit() => _text.Do("cp.async.commit_group");

    /// <summary>Waits until at most so many tiles are on their way, and for the other threads to get here.</summary>
    public void Wait(int pending)
    {
        _text.Do("cp.async.wait_group", pending);
        _text.Do("bar.sync", 0);
    }

    /// <summary>Moves the sources some tiles on.</summary>
    public void Advance(int tiles)
    {
        foreach ((string source, _, _) in _copies)
            _text.Do("add.s64", source, source, tiles * _tile.Pitch);
    }
}
