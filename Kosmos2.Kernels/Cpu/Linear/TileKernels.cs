using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Memory;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// The micro-kernels of one arithmetic, as they are and as they ask for memory while they compute. The first tile of rows that meets a block of weights would
/// otherwise wait for it line by line, and computes too long on each for the hardware to look far ahead. All tiles of rows share the next block's lines between
/// them: asked for at once they would fill the few places that a core has for lines under way, and asked for by every tile most requests would be for nothing.
/// </summary>
/// <param name="streams">
/// Whether few rows are faster if they ask for nothing and, where they can, take several panels in turn (<see cref="StreamTile{S, TElements}"/>), since the hardware's own
/// look-ahead is better than what a core asks for. So it is on AMD's processors, and the other way round on Intel's.
/// </param>
/// <param name="widens">Whether the kernels read a panel as it is packed, though a format has it expanded for others.</param>
/// <param name="linesAhead">Lines that the kernels of each table ask for in four steps; none of the first.</param>
/// <param name="tables">The kernels.</param>
internal sealed class TileKernels(bool streams, bool widens, int[] linesAhead, TileTable[] tables)
{
    /// <summary>Kernels that ask for nothing.</summary>
    public TileKernels(TileTable plain)
        : this(true, false, [0], [plain])
    {
    }

    /// <summary>Lines that kernels are assembled to ask for in four steps: all of these, for whatever number of tiles shares a block, up to the whole of it.</summary>
    public static ReadOnlySpan<int> LinesAhead => [0, 1, 2, 4, 8];

    /// <summary>The kernels that ask for nothing.</summary>
    public TileTable Plain => tables[0];

    /// <summary>Whether blocks of a format are expanded for these kernels.</summary>
    public bool Expand<TFormat>()
        where TFormat : IProductFormat => TFormat.Expands && !widens;

    /// <summary>The kernels with which so many tiles of rows ask for the whole next block, or for as much of it as they can.</summary>
    /// <param name="steps">Steps of a kernel in a block.</param>
    /// <param name="words">32-bit words of a block.</param>
    /// <param name="panels">The tiles of rows that meet each block.</param>
    public AskingTiles Asking(int steps, int words, RowPanels panels)
    {
        if (streams && panels.Rows <= ReadAhead.FewRows)
            return new AskingTiles(Plain, true, 0, 0);
        int lines = words * sizeof(float) / CacheLine.Bytes;
        int table = 0, asked = 0;
        while (table < tables.Length - 1 && asked * panels.Count < lines)
            asked = steps * linesAhead[++table] / 4;
        return new AskingTiles(tables[table], streams, asked * CacheLine.Bytes, lines * CacheLine.Bytes);
    }
}

/// <summary>Kernels that share the next block of weights between them.</summary>
/// <param name="Table">The kernels.</param>
/// <param name="Streams">Whether few rows take several panels in turn.</param>
/// <param name="TileBytes">Bytes that a tile asks for.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
internal readonly record struct AskingTiles(TileTable Table, bool Streams, int TileBytes, int BlockBytes)
{
    /// <summary>What a tile asks for: its part of the next block, or, where there is none left for it, what it reads itself, which costs nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void* Ahead(int tile, byte* next, void* own) => next != null && (long)tile * TileBytes < BlockBytes ? next + ((nint)tile * TileBytes) : own;
}
