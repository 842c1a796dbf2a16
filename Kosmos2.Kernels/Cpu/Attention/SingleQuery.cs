using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// The two products of attention for one query, as in a decode step. The micro-kernel's tile of one row has two chains of sums, which leaves a core waiting for
/// each addition; here four or eight run at once. Every chain is the same as there, so the results have the same bits.
/// </summary>
internal static unsafe class SingleQuery<S>
    where S : unmanaged, ISimd<S>
{
    /// <summary>Panels of keys that <see cref="Scores"/> takes at once.</summary>
    public const int Panels = 4;

    /// <summary>Elements of a value that <see cref="AddValues"/> takes at once: no more than a head's 64, which are four of the widest vectors.</summary>
    public static int Columns => HasEight ? 8 * S.Width : 4 * S.Width;

    private static bool HasEight
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => S.Width < Simd512.Width;
    }

    /// <summary>Whether <see cref="AddScores"/> runs here.</summary>
    public static bool ScoresInPlace => S.Width >= Simd256.Width && Simd256.IsSupported;

    /// <summary>
    /// scores[j] += sum over k of query[k] keys[j][k], for the keys j of one chunk, of plain rows one behind the other. Eight at a time; what lies in a block behind
    /// the last key is read and scored too.
    /// </summary>
    /// <param name="source">The keys.</param>
    /// <param name="key">First key, a block's first.</param>
    /// <param name="count">Keys.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="query">[headSize].</param>
    /// <param name="scores">[count], up to a multiple of eight.</param>
    public static void AddScores<TKeys, TRows>(TKeys source, int key, int count, int headSize, float* query, float* scores)
        where TKeys : unmanaged, IKeySource<TRows>
        where TRows : unmanaged, IRowSource<S>
    {
        for (int i = 0; i < count; i += Simd256.Width)
        {
            float* rows = source.Keys((key + i) / KeyValueBlocks.BlockSize).Address((key + i) % KeyValueBlocks.BlockSize, 0);
            MappedTile<MappedF32, Rows1>.Run((byte*)rows, headSize, headSize, query, scores + i, Simd256.Width);
        }
    }

    /// <summary>scores[j] += sum over k of query[k] keys[j][k], for the keys j of <see cref="Panels"/> panels.</summary>
    /// <param name="query">[headSize].</param>
    /// <param name="keys">[panel][headSize][2 Width].</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="scores">[panel][2 Width].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores(float* query, float* keys, int headSize, float* scores)
    {
        S a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default;
        nint width = S.Width, panel = 2 * width * headSize;
        for (nint k = 0; k < headSize; k++, keys += 2 * width)
        {
            S x = S.Broadcast(query[k]);
            a = S.MultiplyAdd(x, S.Load(keys), a);
            b = S.MultiplyAdd(x, S.Load(keys + width), b);
            c = S.MultiplyAdd(x, S.Load(keys + panel), c);
            d = S.MultiplyAdd(x, S.Load(keys + panel + width), d);
            e = S.MultiplyAdd(x, S.Load(keys + (2 * panel)), e);
            f = S.MultiplyAdd(x, S.Load(keys + (2 * panel) + width), f);
            g = S.MultiplyAdd(x, S.Load(keys + (3 * panel)), g);
            h = S.MultiplyAdd(x, S.Load(keys + (3 * panel) + width), h);
        }
        Add(scores, a, b, c, d);
        Add(scores + (4 * width), e, f, g, h);
    }

    /// <summary>sums[d] += sum over i of weights[i] value[i][d], for <see cref="Columns"/> elements d of the values of one chunk of keys.</summary>
    /// <param name="source">The values.</param>
    /// <param name="key">First key, a block's first.</param>
    /// <param name="count">Keys.</param>
    /// <param name="column">First element of each value.</param>
    /// <param name="weights">[count].</param>
    /// <param name="sums">[Columns].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddValues<TKeys, TRows>(TKeys source, int key, int count, nint column, float* weights, float* sums)
        where TKeys : unmanaged, IKeySource<TRows>
        where TRows : unmanaged, IRowSource<S>
    {
        S a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default;
        nint width = S.Width;
        for (int start = 0; start < count; start += KeyValueBlocks.BlockSize)
        {
            TRows values = source.Values((key + start) / KeyValueBlocks.BlockSize);
            int slots = Math.Min(KeyValueBlocks.BlockSize, count - start);
            for (nint slot = 0; slot < slots; slot++)
            {
                S x = S.Broadcast(weights[start + slot]);
                a = S.MultiplyAdd(x, values.Load(slot, column), a);
                b = S.MultiplyAdd(x, values.Load(slot, column + width), b);
                c = S.MultiplyAdd(x, values.Load(slot, column + (2 * width)), c);
                d = S.MultiplyAdd(x, values.Load(slot, column + (3 * width)), d);
                if (!HasEight)
                    continue;
                e = S.MultiplyAdd(x, values.Load(slot, column + (4 * width)), e);
                f = S.MultiplyAdd(x, values.Load(slot, column + (5 * width)), f);
                g = S.MultiplyAdd(x, values.Load(slot, column + (6 * width)), g);
                h = S.MultiplyAdd(x, values.Load(slot, column + (7 * width)), h);
            }
        }
        Add(sums, a, b, c, d);
        if (HasEight)
            Add(sums + (4 * width), e, f, g, h);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* y, S a, S b, S c, S d)
    {
        nint width = S.Width;
        (S.Load(y) + a).Store(y);
        (S.Load(y + width) + b).Store(y + width);
        (S.Load(y + (2 * width)) + c).Store(y + (2 * width));
        (S.Load(y + (3 * width)) + d).Store(y + (3 * width));
    }
}
