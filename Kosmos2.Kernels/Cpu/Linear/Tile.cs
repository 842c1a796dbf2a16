using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// The micro-kernel of every product: c[i][j] += sum over k of a[k][i] b[k][j], for the rows i of the tile and two vectors of columns j. The
/// sums stay in registers from the first k to the last; each is one chain of fused multiply-adds that starts at 0 and is then added to c, so that
/// a result does not depend on how many rows are computed beside it.
/// </summary>
/// <typeparam name="S">The vector.</typeparam>
/// <typeparam name="TRows">Rows of the tile; the branches on it are decided when the method is compiled.</typeparam>
/// <typeparam name="TElements">How b is stored; it is widened in registers.</typeparam>
internal static unsafe class Tile<S, TRows, TElements>
    where S : unmanaged, ISimd<S>
    where TRows : ITileRows
    where TElements : unmanaged, IPanelElements
{
    /// <param name="a">[depth][rows].</param>
    /// <param name="b">[depth][2 Width].</param>
    /// <param name="c">[rows], a row every <paramref name="stride"/> floats.</param>
    /// <param name="depth">Steps k.</param>
    /// <param name="stride">Floats from one row of c to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* a, float* b, float* c, nint depth, nint stride)
    {
        // l and r: left and right vector of each row.
        S l0 = default, l1 = default, l2 = default, l3 = default, l4 = default, l5 = default;
        S l6 = default, l7 = default, l8 = default, l9 = default, l10 = default, l11 = default;
        S r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default;
        S r6 = default, r7 = default, r8 = default, r9 = default, r10 = default, r11 = default;
        byte* columns = (byte*)b;
        for (nint k = 0; k < depth; k++)
        {
            TElements.LoadStep(columns, out S l, out S r);
            ReadAhead.Step<S, TRows>((float*)columns);
            S x = S.Broadcast(a[0]);
            l0 = S.MultiplyAdd(x, l, l0);
            r0 = S.MultiplyAdd(x, r, r0);
            if (TRows.Count > 1)
            {
                x = S.Broadcast(a[1]);
                l1 = S.MultiplyAdd(x, l, l1);
                r1 = S.MultiplyAdd(x, r, r1);
            }
            if (TRows.Count > 2)
            {
                x = S.Broadcast(a[2]);
                l2 = S.MultiplyAdd(x, l, l2);
                r2 = S.MultiplyAdd(x, r, r2);
            }
            if (TRows.Count > 3)
            {
                x = S.Broadcast(a[3]);
                l3 = S.MultiplyAdd(x, l, l3);
                r3 = S.MultiplyAdd(x, r, r3);
            }
            if (TRows.Count > 4)
            {
                x = S.Broadcast(a[4]);
                l4 = S.MultiplyAdd(x, l, l4);
                r4 = S.MultiplyAdd(x, r, r4);
            }
            if (TRows.Count > 5)
            {
                x = S.Broadcast(a[5]);
                l5 = S.MultiplyAdd(x, l, l5);
                r5 = S.MultiplyAdd(x, r, r5);
            }
            if (TRows.Count > 6)
            {
                x = S.Broadcast(a[6]);
                l6 = S.MultiplyAdd(x, l, l6);
                r6 = S.MultiplyAdd(x, r, r6);
            }
            if (TRows.Count > 7)
            {
                x = S.Broadcast(a[7]);
                l7 = S.MultiplyAdd(x, l, l7);
                r7 = S.MultiplyAdd(x, r, r7);
            }
            if (TRows.Count > 8)
            {
                x = S.Broadcast(a[8]);
                l8 = S.MultiplyAdd(x, l, l8);
                r8 = S.MultiplyAdd(x, r, r8);
            }
            if (TRows.Count > 9)
            {
                x = S.Broadcast(a[9]);
                l9 = S.MultiplyAdd(x, l, l9);
                r9 = S.MultiplyAdd(x, r, r9);
            }
            if (TRows.Count > 10)
            {
                x = S.Broadcast(a[10]);
                l10 = S.MultiplyAdd(x, l, l10);
                r10 = S.MultiplyAdd(x, r, r10);
            }
            if (TRows.Count > 11)
            {
                x = S.Broadcast(a[11]);
                l11 = S.MultiplyAdd(x, l, l11);
                r11 = S.MultiplyAdd(x, r, r11);
            }
            a += TRows.Count;
            columns += 2 * TElements.Bytes * S.Width;
        }
        Panel<S>.AddTo(c, l0, r0);
        if (TRows.Count > 1)
            Panel<S>.AddTo(c + (1 * stride), l1, r1);
        if (TRows.Count > 2)
            Panel<S>.AddTo(c + (2 * stride), l2, r2);
        if (TRows.Count > 3)
            Panel<S>.AddTo(c + (3 * stride), l3, r3);
        if (TRows.Count > 4)
            Panel<S>.AddTo(c + (4 * stride), l4, r4);
        if (TRows.Count > 5)
            Panel<S>.AddTo(c + (5 * stride), l5, r5);
        if (TRows.Count > 6)
            Panel<S>.AddTo(c + (6 * stride), l6, r6);
        if (TRows.Count > 7)
            Panel<S>.AddTo(c + (7 * stride), l7, r7);
        if (TRows.Count > 8)
            Panel<S>.AddTo(c + (8 * stride), l8, r8);
        if (TRows.Count > 9)
            Panel<S>.AddTo(c + (9 * stride), l9, r9);
        if (TRows.Count > 10)
            Panel<S>.AddTo(c + (10 * stride), l10, r10);
        if (TRows.Count > 11)
            Panel<S>.AddTo(c + (11 * stride), l11, r11);
    }
}
