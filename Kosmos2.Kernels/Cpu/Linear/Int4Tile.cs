using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// The micro-kernel of <see cref="Int4Format{S}"/>: halves of bytes, 0 to 15, times a row's signed bytes, the sums of a group exact in 16 bits (vpmaddubsw:
/// 32 products an instruction), then in 32; a group's sum becomes a float and is added to the row's, in memory, times the group's scale.
/// </summary>
internal static unsafe class Int4Tile<S, TRows>
    where S : unmanaged, ISimd<S>
    where TRows : ITileRows
{
    /// <param name="a">[depth][1 + 8][rows].</param>
    /// <param name="b">[depth], of each group words [4][2 Width] and scales [Width].</param>
    /// <param name="c">[rows], a row every <paramref name="stride"/> floats.</param>
    /// <param name="depth">Groups.</param>
    /// <param name="stride">Floats from one row of c to the next.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* a, float* b, float* c, nint depth, nint stride)
    {
        for (nint group = 0; group < depth; group++)
        {
            S l0 = default, l1 = default, l2 = default, l3 = default;
            S r0 = default, r1 = default, r2 = default, r3 = default;
            float* corrections = a;
            a += TRows.Count;
            for (int word = 0; word < Int4Group.WeightWords; word++)
            {
                S left = S.Load(b), right = S.Load(b + S.Width);
                ReadAhead.Step<S, TRows>(b);
                S leftLow = S.LowNibbles(left), leftHigh = S.HighNibbles(left), rightLow = S.LowNibbles(right), rightHigh = S.HighNibbles(right);
                S low0 = S.Broadcast(a[0]), high0 = S.Broadcast(a[TRows.Count + 0]);
                l0 = S.MultiplyAddBytes(leftHigh, high0, S.MultiplyAddBytes(leftLow, low0, l0));
                r0 = S.MultiplyAddBytes(rightHigh, high0, S.MultiplyAddBytes(rightLow, low0, r0));
                if (TRows.Count > 1)
                {
                    S low1 = S.Broadcast(a[1]), high1 = S.Broadcast(a[TRows.Count + 1]);
                    l1 = S.MultiplyAddBytes(leftHigh, high1, S.MultiplyAddBytes(leftLow, low1, l1));
                    r1 = S.MultiplyAddBytes(rightHigh, high1, S.MultiplyAddBytes(rightLow, low1, r1));
                }
                if (TRows.Count > 2)
                {
                    S low2 = S.Broadcast(a[2]), high2 = S.Broadcast(a[TRows.Count + 2]);
                    l2 = S.MultiplyAddBytes(leftHigh, high2, S.MultiplyAddBytes(leftLow, low2, l2));
                    r2 = S.MultiplyAddBytes(rightHigh, high2, S.MultiplyAddBytes(rightLow, low2, r2));
                }
                if (TRows.Count > 3)
                {
                    S low3 = S.Broadcast(a[3]), high3 = S.Broadcast(a[TRows.Count + 3]);
                    l3 = S.MultiplyAddBytes(leftHigh, high3, S.MultiplyAddBytes(leftLow, low3, l3));
                    r3 = S.MultiplyAddBytes(rightHigh, high3, S.MultiplyAddBytes(rightLow, low3, r3));
                }
                a += 2 * TRows.Count;
                b += 2 * S.Width;
            }
            S scales = S.Load(b), leftScale = S.LowBFloat16s(scales), rightScale = S.HighBFloat16s(scales);
            b += S.Width;
            Add(c, corrections[0], l0, r0, leftScale, rightScale);
            if (TRows.Count > 1)
                Add(c + (1 * stride), corrections[1], l1, r1, leftScale, rightScale);
            if (TRows.Count > 2)
                Add(c + (2 * stride), corrections[2], l2, r2, leftScale, rightScale);
            if (TRows.Count > 3)
                Add(c + (3 * stride), corrections[3], l3, r3, leftScale, rightScale);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* c, float correction, S left, S right, S leftScale, S rightScale)
    {
        S start = S.Broadcast(correction);
        S.MultiplyAdd(S.FromIntegers(S.AddPairs(left, start)), leftScale, S.Load(c)).Store(c);
        S.MultiplyAdd(S.FromIntegers(S.AddPairs(right, start)), rightScale, S.Load(c + S.Width)).Store(c + S.Width);
    }
}
