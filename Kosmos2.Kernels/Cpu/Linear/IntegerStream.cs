using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// One row times four packed panels of small integers at once, which reads memory in four places as <see cref="StreamTile{S, TElements}"/> does. Sums are those of
/// <see cref="Int8Tile{S, TRows}"/> and <see cref="Int4Tile{S, TRows}"/>, in their order.
/// </summary>
internal static unsafe class IntegerStream<S>
    where S : unmanaged, ISimd<S>
{
    /// <summary>Panels at once.</summary>
    public const int Panels = 4;

    /// <summary>Panels at once for a number of rows; 0 for more than one.</summary>
    public static int PanelsFor(int rows) => rows == 1 ? Panels : 0;

    /// <summary>Adds groups of 8-bit weights.</summary>
    /// <param name="a">[groups][correction, scale, words].</param>
    /// <param name="b">[groups][words][2 Width], of the first panel.</param>
    /// <param name="panel">Words from one panel to the next.</param>
    /// <param name="c">[panels][2 Width].</param>
    /// <param name="groups">Groups.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddInt8(float* a, float* b, nint panel, float* c, nint groups)
    {
        for (nint group = 0; group < groups; group++)
        {
            S l0 = S.Broadcast(a[0]), l1 = l0, l2 = l0, l3 = l0, r0 = l0, r1 = l0, r2 = l0, r3 = l0;
            float scale = a[1];
            a += 2;
            for (int word = 0; word < PairedBytes.Words; word++)
            {
                S x = S.Broadcast(a[0]);
                float* b2 = b + (2 * panel);
                l0 = AddBytes(x, S.Load(b), l0);
                r0 = AddBytes(x, S.Load(b + S.Width), r0);
                l1 = AddBytes(x, S.Load(b + panel), l1);
                r1 = AddBytes(x, S.Load(b + panel + S.Width), r1);
                l2 = AddBytes(x, S.Load(b2), l2);
                r2 = AddBytes(x, S.Load(b2 + S.Width), r2);
                l3 = AddBytes(x, S.Load(b2 + panel), l3);
                r3 = AddBytes(x, S.Load(b2 + panel + S.Width), r3);
                a++;
                b += 2 * S.Width;
            }
            S factor = S.Broadcast(scale);
            Add(c, factor, l0, r0);
            Add(c + Panel<S>.Width, factor, l1, r1);
            Add(c + (2 * Panel<S>.Width), factor, l2, r2);
            Add(c + (3 * Panel<S>.Width), factor, l3, r3);
        }
    }

    /// <summary>Adds a block of groups of 4-bit weights.</summary>
    /// <param name="a">[groups][1 + 8].</param>
    /// <param name="b">[groups], of each words [4][2 Width] and scales [Width], of the first panel.</param>
    /// <param name="panel">Words from one panel to the next.</param>
    /// <param name="c">[panels][2 Width].</param>
    /// <param name="groups">Groups.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddInt4(float* a, float* b, nint panel, float* c, nint groups)
    {
        for (nint group = 0; group < groups; group++)
        {
            S l0 = default, l1 = default, l2 = default, l3 = default, r0 = default, r1 = default, r2 = default, r3 = default;
            S start = S.Broadcast(a[0]);
            a++;
            for (int word = 0; word < Int4Group.WeightWords; word++)
            {
                S low = S.Broadcast(a[0]), high = S.Broadcast(a[1]);
                float* b2 = b + (2 * panel);
                l0 = AddNibbles(low, high, S.Load(b), l0);
                r0 = AddNibbles(low, high, S.Load(b + S.Width), r0);
                l1 = AddNibbles(low, high, S.Load(b + panel), l1);
                r1 = AddNibbles(low, high, S.Load(b + panel + S.Width), r1);
                l2 = AddNibbles(low, high, S.Load(b2), l2);
                r2 = AddNibbles(low, high, S.Load(b2 + S.Width), r2);
                l3 = AddNibbles(low, high, S.Load(b2 + panel), l3);
                r3 = AddNibbles(low, high, S.Load(b2 + panel + S.Width), r3);
                a += 2;
                b += 2 * S.Width;
            }
            Scale(c, start, b, l0, r0);
            Scale(c + Panel<S>.Width, start, b + panel, l1, r1);
            Scale(c + (2 * Panel<S>.Width), start, b + (2 * panel), l2, r2);
            Scale(c + (3 * Panel<S>.Width), start, b + (3 * panel), l3, r3);
            b += S.Width;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S AddBytes(S row, S weights, S sum) => S.AddPairs(S.MultiplyAddBytes(weights, row, default), sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static S AddNibbles(S low, S high, S words, S sum) =>
        S.MultiplyAddBytes(S.HighNibbles(words), high, S.MultiplyAddBytes(S.LowNibbles(words), low, sum));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* c, S scale, S left, S right)
    {
        S.MultiplyAdd(S.FromIntegers(left), scale, S.Load(c)).Store(c);
        S.MultiplyAdd(S.FromIntegers(right), scale, S.Load(c + S.Width)).Store(c + S.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(float* c, S start, float* scales, S left, S right)
    {
        S pairs = S.Load(scales);
        S.MultiplyAdd(S.FromIntegers(S.AddPairs(left, start)), S.LowBFloat16s(pairs), S.Load(c)).Store(c);
        S.MultiplyAdd(S.FromIntegers(S.AddPairs(right, start)), S.HighBFloat16s(pairs), S.Load(c + S.Width)).Store(c + S.Width);
    }
}
