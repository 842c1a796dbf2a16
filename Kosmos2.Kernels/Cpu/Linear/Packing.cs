using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Brings rows of a matrix into the order in which <see cref="Tile{S, TRows, TElements}"/> reads them: packed[k][lane] = row[first + lane][k]. Edges end
/// here: lanes past the last row are filled with zeros, and memory past a row's end is not touched.
/// </summary>
internal static unsafe class Packing
{
    /// <param name="source">The rows.</param>
    /// <param name="firstRow">Row of lane 0.</param>
    /// <param name="rows">Rows there are; lanes beyond become 0.</param>
    /// <param name="k">First element of each row.</param>
    /// <param name="depth">Elements of each row.</param>
    /// <param name="packed">[depth][lanes].</param>
    /// <param name="lanes">Lanes to write.</param>
    /// <param name="stride">Floats from one k of <paramref name="packed"/> to the next.</param>
    /// <param name="ahead">
    /// How many elements further on the memory lies that is packed next; its lines are asked for meanwhile. 0: nothing is. So many rows at
    /// once are more streams than the hardware follows by itself.
    /// </param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack<S, TSource>(TSource source, nint firstRow, int rows, nint k, int depth, float* packed, int lanes, nint stride, nint ahead = 0)
        where S : unmanaged, ISimd<S>
        where TSource : unmanaged, IRowSource<S>
    {
        byte* room = stackalloc byte[(2 * sizeof(float) * S.Width * S.Width) + 64];
        float* tile = (float*)(((nuint)room + 63) & ~(nuint)63);
        for (int lane = 0; lane < lanes; lane += S.Width)
        {
            int present = Math.Clamp(rows - lane, 0, S.Width);
            int written = Math.Min(S.Width, lanes - lane);
            for (int start = 0; start < depth; start += S.Width)
            {
                int count = Math.Min(S.Width, depth - start);
                float* destination = packed + (start * stride) + lane;
                if (ahead != 0)
                {
                    for (int row = 0; row < present; row++)
                        source.Prefetch(firstRow + lane + row, k + start + ahead);
                }
                bool whole = present == S.Width && written == S.Width && count == S.Width;
                if (whole && source is F32Rows<S> plain)
                {
                    S.Transpose(plain.Address(firstRow + lane, k + start), plain.Stride, destination, stride);
                    continue;
                }
                if (whole)
                {
                    for (int row = 0; row < S.Width; row++)
                        source.Load(firstRow + lane + row, k + start).Store(tile + (row * S.Width));
                    S.Transpose(tile, S.Width, destination, stride);
                    continue;
                }
                PackEdge<S, TSource>(source, firstRow + lane, present, k + start, count, tile, destination, stride, written);
            }
        }
    }

    private static void PackEdge<S, TSource>(
        TSource source, nint firstRow, int present, nint k, int count, float* tile, float* destination, nint stride, int written)
        where S : unmanaged, ISimd<S>
        where TSource : unmanaged, IRowSource<S>
    {
        for (int row = 0; row < S.Width; row++)
        {
            S values = default;
            if (row < present)
                values = count == S.Width ? source.Load(firstRow + row, k) : source.LoadPartial(firstRow + row, k, count);
            values.Store(tile + (row * S.Width));
        }
        float* transposed = tile + (S.Width * S.Width);
        S.Transpose(tile, S.Width, transposed, S.Width);
        for (int i = 0; i < count; i++)
            S.Load(transposed + (i * S.Width)).StorePartial(destination + (i * stride), written);
    }
}
