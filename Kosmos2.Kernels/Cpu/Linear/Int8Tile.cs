using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// The micro-kernel of <see cref="Int8Format{S, TRows}"/> with <see cref="PairedBytes"/>: a word of four weights of an output times a row's, each pair's sum exact in 16 bits (vpmaddubsw), both
/// added to the group's in 32 (vpmaddwd with ones, vpaddd).
/// </summary>
/// <remarks>Pairs of 16-bit integers would need no limit on a row's bytes, but two instructions to take the weights apart and two more for each row's word.</remarks>
internal static unsafe class Int8Tile<S, TRows>
    where S : unmanaged, ISimd<S>
    where TRows : ITileRows
{
    /// <param name="a">[depth][correction, scale, words][rows].</param>
    /// <param name="b">[depth][words][2 Width].</param>
    /// <param name="c">[rows], a row every <paramref name="stride"/> floats.</param>
    /// <param name="depth">Groups.</param>
    /// <param name="stride">Floats from one row of c to the next.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* a, float* b, float* c, nint depth, nint stride)
    {
        for (nint group = 0; group < depth; group++)
        {
            S l0 = S.Broadcast(a[0]), r0 = l0;
            S l1 = TRows.Count > 1 ? S.Broadcast(a[1]) : default, r1 = l1;
            S l2 = TRows.Count > 2 ? S.Broadcast(a[2]) : default, r2 = l2;
            S l3 = TRows.Count > 3 ? S.Broadcast(a[3]) : default, r3 = l3;
            float* scales = a + TRows.Count;
            a += 2 * TRows.Count;
            for (int word = 0; word < PairedBytes.Words; word++)
            {
                S left = S.Load(b), right = S.Load(b + S.Width);
                ReadAhead.Step<S, TRows>(b);
                S x0 = S.Broadcast(a[0]);
                l0 = Add(left, x0, l0);
                r0 = Add(right, x0, r0);
                if (TRows.Count > 1)
                {
                    S x1 = S.Broadcast(a[1]);
                    l1 = Add(left, x1, l1);
                    r1 = Add(right, x1, r1);
                }
                if (TRows.Count > 2)
                {
                    S x2 = S.Broadcast(a[2]);
                    l2 = Add(left, x2, l2);
                    r2 = Add(right, x2, r2);
                }
                if (TRows.Count > 3)
                {
                    S x3 = S.Broadcast(a[3]);
                    l3 = Add(left, x3, l3);
                    r3 = Add(right, x3, r3);
                }
                a += TRows.Count;
                b += 2 * S.Width;
            }
            Scale(c, scales[0], l0, r0);
            if (TRows.Count > 1)
                Scale(c + (1 * stride), scales[1], l1, r1);
            if (TRows.Count > 2)
                Scale(c + (2 * stride), scales[2], l2, r2);
            if (TRows.Count > 3)
                Scale(c + (3 * stride), scales[3], l3, r3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S Add(S weights, S row, S sum) => S.AddPairs(S.MultiplyAddBytes(weights, row, default), sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(float* c, float scale, S left, S right)
    {
        S factor = S.Broadcast(scale);
        S.MultiplyAdd(S.FromIntegers(left), factor, S.Load(c)).Store(c);
        S.MultiplyAdd(S.FromIntegers(right), factor, S.Load(c + S.Width)).Store(c + S.Width);
    }
}
