using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// The micro-kernel of <see cref="Int8Format{S, TWords}"/> with <see cref="PairedBytes"/>: four weights of an output are a word, whose even and odd bytes become
/// pairs of 16-bit integers by one instruction each; a pair times a row's pair is added up exactly in 32 bits (vpmaddwd, two a cycle, of twice as many
/// products as a multiply-add of floats has).
/// </summary>
/// <remarks>vpmaddubsw takes bytes as they are, but its 16-bit sums saturate, and with signs set apart it needs as many instructions.</remarks>
internal static unsafe class Int8Tile<S, TRows>
    where S : unmanaged, ISimd<S>
    where TRows : ITileRows
{
    /// <param name="a">[depth][correction, scale, pairs][rows].</param>
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
            for (int word = 0; word < Int8Group.Words; word++)
            {
                S left = S.Load(b), right = S.Load(b + S.Width);
                ReadAhead.Step<S, TRows>(b);
                S leftEven = S.EvenBytes(left), leftOdd = S.OddBytes(left), rightEven = S.EvenBytes(right), rightOdd = S.OddBytes(right);
                S even0 = S.Broadcast(a[0]), odd0 = S.Broadcast(a[TRows.Count + 0]);
                l0 = S.MultiplyAddPairs(odd0, leftOdd, S.MultiplyAddPairs(even0, leftEven, l0));
                r0 = S.MultiplyAddPairs(odd0, rightOdd, S.MultiplyAddPairs(even0, rightEven, r0));
                if (TRows.Count > 1)
                {
                    S even1 = S.Broadcast(a[1]), odd1 = S.Broadcast(a[TRows.Count + 1]);
                    l1 = S.MultiplyAddPairs(odd1, leftOdd, S.MultiplyAddPairs(even1, leftEven, l1));
                    r1 = S.MultiplyAddPairs(odd1, rightOdd, S.MultiplyAddPairs(even1, rightEven, r1));
                }
                if (TRows.Count > 2)
                {
                    S even2 = S.Broadcast(a[2]), odd2 = S.Broadcast(a[TRows.Count + 2]);
                    l2 = S.MultiplyAddPairs(odd2, leftOdd, S.MultiplyAddPairs(even2, leftEven, l2));
                    r2 = S.MultiplyAddPairs(odd2, rightOdd, S.MultiplyAddPairs(even2, rightEven, r2));
                }
                if (TRows.Count > 3)
                {
                    S even3 = S.Broadcast(a[3]), odd3 = S.Broadcast(a[TRows.Count + 3]);
                    l3 = S.MultiplyAddPairs(odd3, leftOdd, S.MultiplyAddPairs(even3, leftEven, l3));
                    r3 = S.MultiplyAddPairs(odd3, rightOdd, S.MultiplyAddPairs(even3, rightEven, r3));
                }
                a += 2 * TRows.Count;
                b += 2 * S.Width;
            }
            Add(c, scales[0], l0, r0);
            if (TRows.Count > 1)
                Add(c + (1 * stride), scales[1], l1, r1);
            if (TRows.Count > 2)
                Add(c + (2 * stride), scales[2], l2, r2);
            if (TRows.Count > 3)
                Add(c + (3 * stride), scales[3], l3, r3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* c, float scale, S left, S right)
    {
        S factor = S.Broadcast(scale);
        S.MultiplyAdd(S.FromIntegers(left), factor, S.Load(c)).Store(c);
        S.MultiplyAdd(S.FromIntegers(right), factor, S.Load(c + S.Width)).Store(c + S.Width);
    }
}
