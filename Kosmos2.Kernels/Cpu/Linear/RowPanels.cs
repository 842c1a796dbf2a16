using System.Runtime.CompilerServices;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Rows divided into panels of at most one tile, as evenly as can be: 13 rows become 7 and 6, not 12 and 1, which would leave the second
/// tile waiting for its own sums.
/// </summary>
internal readonly struct RowPanels(int rows, int tileRows)
{
    public int Rows => rows;

    public int Count { get; } = (rows + tileRows - 1) / tileRows;

    /// <summary>First row of a panel; the end of the last one for panel = Count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Start(int panel) => (int)((long)rows * panel / Count);
}
