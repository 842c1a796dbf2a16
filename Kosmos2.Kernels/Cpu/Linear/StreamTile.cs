using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Products of few rows with several packed panels at once. So few rows only wait for memory, and a core gets more of it from two or four places that
/// it reads in turn than from one, since each is looked ahead of. Sums are those of <see cref="Tile{S, TRows, TElements}"/>, in its order.
/// </summary>
/// <typeparam name="S">The vector.</typeparam>
/// <typeparam name="TElements">How the panels' elements are stored; they are widened in registers.</typeparam>
internal static unsafe class StreamTile<S, TElements>
    where S : unmanaged, ISimd<S>
    where TElements : unmanaged, IPanelElements
{
    /// <summary>Rows of the strips of all panels together, at most.</summary>
    public const int MostStripRows = 8;

    /// <summary>Panels at once for a number of rows; 0 for so many that the micro-kernels of <see cref="TileTable"/> are faster.</summary>
    public static int Panels(int rows) => rows == 1 ? 4 : rows <= TElements.MostPanelRows ? 2 : rows <= TElements.MostRows ? 1 : 0;

    private static int VectorBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => S.Width * TElements.Bytes;
    }

    /// <summary>Adds a block of steps.</summary>
    /// <param name="rows">1 to <see cref="IPanelElements.MostRows"/>.</param>
    /// <param name="a">[depth][rows].</param>
    /// <param name="b">[depth][2 Width], of the first panel.</param>
    /// <param name="panelBytes">From one panel to the next; there are <see cref="Panels"/>.</param>
    /// <param name="c">[panels][rows][2 Width].</param>
    /// <param name="depth">Steps.</param>
    public static void Run(int rows, float* a, byte* b, nint panelBytes, float* c, nint depth)
    {
        switch (rows)
        {
            case 1:
                OneRow(a, b, panelBytes, c, depth);
                break;
            case 2:
                MoreRows<Rows2>(a, b, panelBytes, c, depth);
                break;
            case 3:
                MoreRows<Rows3>(a, b, panelBytes, c, depth);
                break;
            case 4 when TElements.MostPanelRows >= 4:
                MoreRows<Rows4>(a, b, panelBytes, c, depth);
                break;
            case 4:
                Tile<S, Rows4, TElements>.Run(a, (float*)b, c, depth, Panel<S>.Width);
                break;
            case 5:
                Tile<S, Rows5, TElements>.Run(a, (float*)b, c, depth, Panel<S>.Width);
                break;
            default:
                Tile<S, Rows6, TElements>.Run(a, (float*)b, c, depth, Panel<S>.Width);
                break;
        }
    }

    // Four panels: eight sums, named by panel and side.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneRow(float* a, byte* b, nint panelBytes, float* c, nint depth)
    {
        S l0 = default, l1 = default, l2 = default, l3 = default;
        S r0 = default, r1 = default, r2 = default, r3 = default;
        byte* b2 = b + (2 * panelBytes);
        for (nint k = 0; k < depth; k++)
        {
            S x = S.Broadcast(a[k]);
            l0 = S.MultiplyAdd(x, TElements.Load<S>(b), l0);
            r0 = S.MultiplyAdd(x, TElements.Load<S>(b + VectorBytes), r0);
            l1 = S.MultiplyAdd(x, TElements.Load<S>(b + panelBytes), l1);
            r1 = S.MultiplyAdd(x, TElements.Load<S>(b + panelBytes + VectorBytes), r1);
            l2 = S.MultiplyAdd(x, TElements.Load<S>(b2), l2);
            r2 = S.MultiplyAdd(x, TElements.Load<S>(b2 + VectorBytes), r2);
            l3 = S.MultiplyAdd(x, TElements.Load<S>(b2 + panelBytes), l3);
            r3 = S.MultiplyAdd(x, TElements.Load<S>(b2 + panelBytes + VectorBytes), r3);
            b += 2 * VectorBytes;
            b2 += 2 * VectorBytes;
        }
        Add(c, l0, r0);
        Add(c + Panel<S>.Width, l1, r1);
        Add(c + (2 * Panel<S>.Width), l2, r2);
        Add(c + (3 * Panel<S>.Width), l3, r3);
    }

    // Two panels, a and b: up to sixteen sums, named by panel, side and row. With AVX2 some of four rows' wait in memory, which is still faster than one panel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MoreRows<TRows>(float* a, byte* b, nint panelBytes, float* c, nint depth)
        where TRows : ITileRows
    {
        S al0 = default, al1 = default, al2 = default, al3 = default, ar0 = default, ar1 = default, ar2 = default, ar3 = default;
        S bl0 = default, bl1 = default, bl2 = default, bl3 = default, br0 = default, br1 = default, br2 = default, br3 = default;
        for (nint k = 0; k < depth; k++)
        {
            S left = TElements.Load<S>(b), right = TElements.Load<S>(b + VectorBytes);
            S x = S.Broadcast(a[0]), y = S.Broadcast(a[1]), z = TRows.Count > 2 ? S.Broadcast(a[2]) : default, w = TRows.Count > 3 ? S.Broadcast(a[3]) : default;
            al0 = S.MultiplyAdd(x, left, al0);
            ar0 = S.MultiplyAdd(x, right, ar0);
            al1 = S.MultiplyAdd(y, left, al1);
            ar1 = S.MultiplyAdd(y, right, ar1);
            if (TRows.Count > 2)
            {
                al2 = S.MultiplyAdd(z, left, al2);
                ar2 = S.MultiplyAdd(z, right, ar2);
            }
            if (TRows.Count > 3)
            {
                al3 = S.MultiplyAdd(w, left, al3);
                ar3 = S.MultiplyAdd(w, right, ar3);
            }
            left = TElements.Load<S>(b + panelBytes);
            right = TElements.Load<S>(b + panelBytes + VectorBytes);
            bl0 = S.MultiplyAdd(x, left, bl0);
            br0 = S.MultiplyAdd(x, right, br0);
            bl1 = S.MultiplyAdd(y, left, bl1);
            br1 = S.MultiplyAdd(y, right, br1);
            if (TRows.Count > 2)
            {
                bl2 = S.MultiplyAdd(z, left, bl2);
                br2 = S.MultiplyAdd(z, right, br2);
            }
            if (TRows.Count > 3)
            {
                bl3 = S.MultiplyAdd(w, left, bl3);
                br3 = S.MultiplyAdd(w, right, br3);
            }
            a += TRows.Count;
            b += 2 * VectorBytes;
        }
        Add(c, al0, ar0);
        Add(c + Panel<S>.Width, al1, ar1);
        if (TRows.Count > 2)
            Add(c + (2 * Panel<S>.Width), al2, ar2);
        if (TRows.Count > 3)
            Add(c + (3 * Panel<S>.Width), al3, ar3);
        c += TRows.Count * Panel<S>.Width;
        Add(c, bl0, br0);
        Add(c + Panel<S>.Width, bl1, br1);
        if (TRows.Count > 2)
            Add(c + (2 * Panel<S>.Width), bl2, br2);
        if (TRows.Count > 3)
            Add(c + (3 * Panel<S>.Width), bl3, br3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* c, S left, S right)
    {
        (S.Load(c) + left).Store(c);
        (S.Load(c + S.Width) + right).Store(c + S.Width);
    }
}
