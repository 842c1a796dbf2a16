using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Memory;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// The micro-kernels of one arithmetic, as they are and as they ask for memory while they compute. The first tile of rows that meets a block of weights would
/// otherwise wait for it line by line, and computes too long on each for the hardware to look far ahead. All tiles of rows share the next block's lines between
/// them: asked for at once they would fill the few places that a core has for lines under way, and asked for by every tile most requests would be for nothing.
/// </summary>
/// <param name="tables">For each of <see cref="LinesAhead"/>; only the first where no kernel asks for anything.</param>
internal sealed class TileKernels(params TileTable[] tables)
{
    /// <summary>Lines that a kernel asks for in four steps.</summary>
    public static ReadOnlySpan<int> LinesAhead => [0, 1, 2, 4, 8];

    /// <summary>The kernels that ask for nothing.</summary>
    public TileTable Plain => tables[0];

    /// <summary>Kernels that ask for nothing; null for null.</summary>
    public static TileKernels? From(TileTable? table) => table is { } plain ? new TileKernels(plain) : null;

    /// <summary>The kernels with which so many tiles of rows ask for the whole next block.</summary>
    /// <param name="steps">Steps of a block.</param>
    /// <param name="stepWords">32-bit words of a step.</param>
    /// <param name="tiles">Tiles of rows that meet each block.</param>
    public AskingTiles Asking(int steps, int stepWords, int tiles)
    {
        int lines = steps * stepWords * sizeof(float) / CacheLine.Bytes;
        for (int i = 1; i < tables.Length; i++)
        {
            int asked = steps * LinesAhead[i] / 4;
            if (asked * tiles >= lines)
                return new AskingTiles(tables[i], asked * CacheLine.Bytes, lines * CacheLine.Bytes);
        }
        return new AskingTiles(Plain, 0, 0);
    }
}

/// <summary>Kernels that share the next block of weights between them.</summary>
/// <param name="Table">The kernels.</param>
/// <param name="TileBytes">Bytes that a tile asks for.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
internal readonly record struct AskingTiles(TileTable Table, int TileBytes, int BlockBytes)
{
    /// <summary>What a tile asks for: its part of the next block, or, where there is none left for it, what it reads itself, which costs nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void* Ahead(int tile, byte* next, void* own) => next != null && (long)tile * TileBytes < BlockBytes ? next + ((nint)tile * TileBytes) : own;
}
