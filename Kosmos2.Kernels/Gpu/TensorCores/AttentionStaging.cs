using System.Numerics;
using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// A tile of keys and values on its way from global to shared memory, through the registers of its threads: four elements of every 16th row, so that a row is
/// read as it lies. Threads behind a small head read its first elements, which nobody looks at.
/// </summary>
internal sealed class AttentionStaging
{
    private const int Quad = 4;
    private const int ThreadsARow = AttentionTile.MostHeadSize / Quad;

    /// <summary>From one of a thread's rows to the next.</summary>
    public const int Step = AttentionTile.Threads / ThreadsARow;

    /// <summary>Rows of a thread.</summary>
    public const int Rows = AttentionTile.Keys / Step;

    private readonly PtxText _text;
    private readonly bool _rounds;
    private readonly string _place;

    // [keys, values][row][registers]
    private readonly string[][][] _rows;

    /// <param name="text">Where it is written.</param>
    /// <param name="type">F32, rounded on the way, or BF16.</param>
    /// <param name="headSize">Elements of a row.</param>
    /// <param name="thread">Whose share it is.</param>
    public AttentionStaging(PtxText text, DType type, int headSize, AttentionThread thread)
    {
        (_text, _rounds) = (text, type == DType.F32);
        Line = text.B32("shr.u32", thread.Index, BitOperations.Log2(ThreadsARow));
        string quad = text.B32("and.b32", thread.Index, ThreadsARow - 1);
        string chunk = WarpMatrices.Swizzled(text, AttentionTile.Chunks, Line, text.B32("shr.u32", quad, 1));
        string within = text.B32("mul.lo.u32", text.B32("and.b32", quad, 1), WarpMatrices.ChunkBytes / 2);
        _place = text.B32("mad.lo.u32", Line, AttentionTile.Pitch, text.B32("mad.lo.u32", chunk, WarpMatrices.ChunkBytes, within));
        IsFirst = text.Predicate("setp.eq.s32", quad, 0);
        string element = text.B32("mul.lo.u32", quad, Quad * type.SizeInBytes());
        Element = headSize == AttentionTile.MostHeadSize ? element
            : text.B32("selp.u32", element, 0, text.Predicate("setp.lt.u32", quad, headSize / Quad));
        _rows = [.. Enumerable.Range(0, 2).Select(_ => Enumerable.Range(0, Rows).Select(_ => text.Registers(_rounds ? "f" : "r", _rounds ? Quad : Quad / 2)).ToArray())];
    }

    /// <summary>The thread's first row of a tile.</summary>
    public string Line { get; }

    /// <summary>Bytes from a row's beginning to the thread's elements.</summary>
    public string Element { get; }

    /// <summary>Whether those are its first.</summary>
    public string IsFirst { get; }

    /// <summary>Asks for the thread's elements of one of its rows.</summary>
    public void Fetch(int row, string key, string value)
    {
        string load = _rounds ? "ld.global.nc.v4.f32" : "ld.global.nc.v2.b32";
        _text.Do(load, Group(_rows[0][row]), At(key));
        _text.Do(load, Group(_rows[1][row]), At(value));
    }

    /// <summary>Puts them all into shared memory.</summary>
    public void Store(string stage)
    {
        string place = _text.B32("add.u32", stage, _place);
        for (int part = 0; part < 2; part++)
        {
            for (int row = 0; row < Rows; row++)
                _text.Do("st.shared.v2.b32", At(place, (part * AttentionTile.Values) + (row * Step * AttentionTile.Pitch)), Group(Rounded(_rows[part][row])));
        }
    }

    private string[] Rounded(string[] registers) => !_rounds ? registers
        : [.. registers.Chunk(2).Select(pair => _text.RoundedPair("bf16", pair[0], pair[1]))];
}
