using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Products of few rows with several packed panels at once. So few rows mostly wait for memory, and a core gets more of it from four places that it reads in
/// turn than from one, since the hardware looks ahead of each. Sums are those of <see cref="Tile{S, TRows, TElements}"/>, in its order.
/// </summary>
/// <typeparam name="S">The vector.</typeparam>
/// <typeparam name="TElements">How the panels' elements are stored; they are widened in registers.</typeparam>
internal static unsafe class StreamTile<S, TElements>
    where S : unmanaged, ISimd<S>
    where TElements : unmanaged, IPanelElements
{
    /// <summary>Most rows; with more, the micro-kernels of <see cref="TileKernels"/> are faster.</summary>
    public const int MostRows = 6;

    /// <summary>Rows of the strips of all panels together, at most.</summary>
    public const int MostStripRows = PanelCount * MostRows;

    private const int PanelCount = 4;

    // Long enough that bringing sums to the registers and back costs little, short enough that a core looks ahead of all panels at once.
    private const int Visit = 8;

    /// <summary>Panels at once for a number of rows; 0 for more than <see cref="MostRows"/>.</summary>
    public static int Panels(int rows) => rows <= TElements.MostPanelRows ? PanelCount : rows <= MostRows ? 1 : 0;

    private static int StepBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * S.Width * TElements.Bytes;
    }

    /// <summary>Adds a block of steps.</summary>
    /// <param name="rows">1 to <see cref="MostRows"/>.</param>
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
            case 4:
                FourRows<Rows4>(a, b, panelBytes, c, depth);
                break;
            case 5:
                FourRows<Rows5>(a, b, panelBytes, c, depth);
                break;
            default:
                FourRows<Rows6>(a, b, panelBytes, c, depth);
                break;
        }
    }

    // Four rows and more: of several panels, or of one.
    private static void FourRows<TRows>(float* a, byte* b, nint panelBytes, float* c, nint depth)
        where TRows : ITileRows
    {
        if (TElements.MostPanelRows >= TRows.Count)
            MoreRows<TRows>(a, b, panelBytes, c, depth);
        else
            Tile<S, TRows, TElements>.Run(a, (float*)b, c, depth, Panel<S>.Width);
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
            TElements.LoadStep(b, out S left, out S right);
            l0 = S.MultiplyAdd(x, left, l0);
            r0 = S.MultiplyAdd(x, right, r0);
            TElements.LoadStep(b + panelBytes, out left, out right);
            l1 = S.MultiplyAdd(x, left, l1);
            r1 = S.MultiplyAdd(x, right, r1);
            TElements.LoadStep(b2, out left, out right);
            l2 = S.MultiplyAdd(x, left, l2);
            r2 = S.MultiplyAdd(x, right, r2);
            TElements.LoadStep(b2 + panelBytes, out left, out right);
            l3 = S.MultiplyAdd(x, left, l3);
            r3 = S.MultiplyAdd(x, right, r3);
            b += StepBytes;
            b2 += StepBytes;
        }
        Panel<S>.AddTo(c, l0, r0);
        Panel<S>.AddTo(c + Panel<S>.Width, l1, r1);
        Panel<S>.AddTo(c + (2 * Panel<S>.Width), l2, r2);
        Panel<S>.AddTo(c + (3 * Panel<S>.Width), l3, r3);
    }

    // Four panels, a few steps of each in turn. The registers hold one panel's sums, left and right of up to six rows; the others' wait in the first-level cache.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MoreRows<TRows>(float* a, byte* b, nint panelBytes, float* c, nint depth)
        where TRows : ITileRows
    {
        S* sums = stackalloc S[PanelCount * 2 * TRows.Count];
        for (int i = 0; i < PanelCount * 2 * TRows.Count; i++)
            sums[i] = default;
        for (nint step = 0; step < depth; step += Visit)
        {
            nint steps = Math.Min(Visit, depth - step);
            S* own = sums;
            byte* panel = b;
            for (int i = 0; i < PanelCount; i++)
            {
                Steps<TRows>(a, panel, own, steps);
                own += 2 * TRows.Count;
                panel += panelBytes;
            }
            a += Visit * TRows.Count;
            b += Visit * StepBytes;
        }
        for (int i = 0; i < PanelCount * TRows.Count; i++)
            Panel<S>.AddTo(c + (i * Panel<S>.Width), sums[2 * i], sums[(2 * i) + 1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Steps<TRows>(float* a, byte* b, S* sums, nint steps)
        where TRows : ITileRows
    {
        S l0 = sums[0], r0 = sums[1], l1 = sums[2], r1 = sums[3];
        S l2 = TRows.Count > 2 ? sums[4] : default, r2 = TRows.Count > 2 ? sums[5] : default;
        S l3 = TRows.Count > 3 ? sums[6] : default, r3 = TRows.Count > 3 ? sums[7] : default;
        S l4 = TRows.Count > 4 ? sums[8] : default, r4 = TRows.Count > 4 ? sums[9] : default;
        S l5 = TRows.Count > 5 ? sums[10] : default, r5 = TRows.Count > 5 ? sums[11] : default;
        for (nint k = 0; k < steps; k++)
        {
            TElements.LoadStep(b, out S left, out S right);
            S x = S.Broadcast(a[0]);
            l0 = S.MultiplyAdd(x, left, l0);
            r0 = S.MultiplyAdd(x, right, r0);
            x = S.Broadcast(a[1]);
            l1 = S.MultiplyAdd(x, left, l1);
            r1 = S.MultiplyAdd(x, right, r1);
            if (TRows.Count > 2)
            {
                x = S.Broadcast(a[2]);
                l2 = S.MultiplyAdd(x, left, l2);
                r2 = S.MultiplyAdd(x, right, r2);
            }
            if (TRows.Count > 3)
            {
                x = S.Broadcast(a[3]);
                l3 = S.MultiplyAdd(x, left, l3);
                r3 = S.MultiplyAdd(x, right, r3);
            }
            if (TRows.Count > 4)
            {
                x = S.Broadcast(a[4]);
                l4 = S.MultiplyAdd(x, left, l4);
                r4 = S.MultiplyAdd(x, right, r4);
            }
            if (TRows.Count > 5)
            {
                x = S.Broadcast(a[5]);
                l5 = S.MultiplyAdd(x, left, l5);
                r5 = S.MultiplyAdd(x, right, r5);
            }
            a += TRows.Count;
            b += StepBytes;
        }
        (sums[0], sums[1], sums[2], sums[3]) = (l0, r0, l1, r1);
        if (TRows.Count > 2)
            (sums[4], sums[5]) = (l2, r2);
        if (TRows.Count > 3)
            (sums[6], sums[7]) = (l3, r3);
        if (TRows.Count > 4)
            (sums[8], sums[9]) = (l4, r4);
        if (TRows.Count > 5)
            (sums[10], sums[11]) = (l5, r5);
    }
}
