using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>The micro-kernels of one vector width, by number of rows: compiled from <see cref="Tile{S, TRows, TElements}"/>, or assembled.</summary>
internal unsafe struct TileTable
{
    /// <summary>Rows of the largest tile of any width.</summary>
    public const int MostRows = 12;

    /// <summary>Rows of the largest tile of the compiled kernels for small integers: two sums of vectors each, and a pair of operands taken apart.</summary>
    public const int IntegerRows = 4;

    private fixed long _entries[MostRows + 1];
    private bool _assembled;

    /// <summary>Rows of the largest tile.</summary>
    public int Rows { get; private init; }

    /// <summary>The kernels that the runtime compiles.</summary>
    public static TileTable Compiled<S>()
        where S : unmanaged, ISimd<S>
    {
        var table = new TileTable { Rows = S.TileRows };
        table._entries[1] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows1, FloatElements>.Run;
        table._entries[2] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows2, FloatElements>.Run;
        table._entries[3] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows3, FloatElements>.Run;
        table._entries[4] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows4, FloatElements>.Run;
        table._entries[5] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows5, FloatElements>.Run;
        table._entries[6] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows6, FloatElements>.Run;
        table._entries[7] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows7, FloatElements>.Run;
        table._entries[8] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows8, FloatElements>.Run;
        table._entries[9] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows9, FloatElements>.Run;
        table._entries[10] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows10, FloatElements>.Run;
        table._entries[11] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows11, FloatElements>.Run;
        table._entries[12] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Tile<S, Rows12, FloatElements>.Run;
        return table;
    }

    /// <summary>The kernels for 8-bit weights that the runtime compiles; rows are <see cref="PairedBytes"/>.</summary>
    public static TileTable Int8<S>()
        where S : unmanaged, ISimd<S>
    {
        var table = new TileTable { Rows = IntegerRows };
        table._entries[1] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Int8Tile<S, Rows1>.Run;
        table._entries[2] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Int8Tile<S, Rows2>.Run;
        table._entries[3] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Int8Tile<S, Rows3>.Run;
        table._entries[4] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Int8Tile<S, Rows4>.Run;
        return table;
    }

    /// <summary>The kernels for 4-bit weights that the runtime compiles.</summary>
    public static TileTable Int4<S>()
        where S : unmanaged, ISimd<S>
    {
        var table = new TileTable { Rows = IntegerRows };
        table._entries[1] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Int4Tile<S, Rows1>.Run;
        table._entries[2] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Int4Tile<S, Rows2>.Run;
        table._entries[3] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Int4Tile<S, Rows3>.Run;
        table._entries[4] = (long)(delegate*<float*, float*, float*, nint, nint, void>)&Int4Tile<S, Rows4>.Run;
        return table;
    }

    /// <summary>Kernels at given addresses: entry points with C's calling convention that never call back.</summary>
    /// <param name="entryPoints">For 1 row, 2 rows and so on.</param>
    public static TileTable Assembled(ReadOnlySpan<nint> entryPoints)
    {
        var table = new TileTable { _assembled = true, Rows = entryPoints.Length };
        for (int rows = 1; rows <= entryPoints.Length; rows++)
            table._entries[rows] = entryPoints[rows - 1];
        return table;
    }

    /// <summary>
    /// c[i][j] += sum over k of a[k][i] b[k][j]; operands as in <see cref="Tile{S, TRows, TElements}"/>. Kernels that ask for memory (<see cref="TileKernels"/>)
    /// ask for what lies at <paramref name="ahead"/>; the others do not look at it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Run(int rows, float* a, float* b, float* c, nint depth, nint stride, void* ahead = null)
    {
        long entry = _entries[rows];
        if (_assembled)
            ((delegate* unmanaged[SuppressGCTransition]<float*, float*, float*, nint, nint, void*, void>)entry)(a, b, c, depth, stride, ahead);
        else
            ((delegate*<float*, float*, float*, nint, nint, void>)entry)(a, b, c, depth, stride);
    }
}
