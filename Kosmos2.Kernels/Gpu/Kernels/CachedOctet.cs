using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>A thread's four elements of each of eight cached rows, keys or values, whose loads are under way together.</summary>
internal readonly record struct CachedOctet(Quad A, Quad B, Quad C, Quad D, Quad E, Quad F, Quad G, Quad H)
{
    /// <summary>How many rows.</summary>
    public const int Rows = 8;

    /// <summary>Elements from one on of eight rows.</summary>
    /// <param name="rows">The keys or the values.</param>
    /// <param name="offsets">Where the rows begin.</param>
    /// <param name="element">The first of the four, a multiple of 4.</param>
    public static CachedOctet Load<TRows>(TRows rows, RowOffsets offsets, int element)
        where TRows : struct, ICachedRows => new(
        rows.ReadFour(offsets.A + element),
        rows.ReadFour(offsets.B + element),
        rows.ReadFour(offsets.C + element),
        rows.ReadFour(offsets.D + element),
        rows.ReadFour(offsets.E + element),
        rows.ReadFour(offsets.F + element),
        rows.ReadFour(offsets.G + element),
        rows.ReadFour(offsets.H + element));

    /// <summary>Each row's product with four elements of a query.</summary>
    public RowDots Dots(Quad query) => new(
        new Quad(A.Dot(query), B.Dot(query), C.Dot(query), D.Dot(query)), new Quad(E.Dot(query), F.Dot(query), G.Dot(query), H.Dot(query)));

    /// <summary>A sum of values plus these, each times its weight: that of row i is weights[first + i * step].</summary>
    public Quad Weighted(Quad sum, ArrayView<float> weights, int first, int step) => sum
        .Plus(weights[first], A)
        .Plus(weights[first + step], B)
        .Plus(weights[first + (2 * step)], C)
        .Plus(weights[first + (3 * step)], D)
        .Plus(weights[first + (4 * step)], E)
        .Plus(weights[first + (5 * step)], F)
        .Plus(weights[first + (6 * step)], G)
        .Plus(weights[first + (7 * step)], H);

    /// <summary>A number for each of the eight rows.</summary>
    public readonly record struct RowDots(Quad Low, Quad High)
    {
        /// <summary>Stores them so far from each other.</summary>
        public void Store(ArrayView<float> to, int at, int step)
        {
            to[at] = Low.A;
            to[at + step] = Low.B;
            to[at + (2 * step)] = Low.C;
            to[at + (3 * step)] = Low.D;
            to[at + (4 * step)] = High.A;
            to[at + (5 * step)] = High.B;
            to[at + (6 * step)] = High.C;
            to[at + (7 * step)] = High.D;
        }
    }
}

/// <summary>Where eight cached rows begin, of keys as of values; looked up together, before any of them is read.</summary>
internal readonly record struct RowOffsets(int A, int B, int C, int D, int E, int F, int G, int H)
{
    /// <summary>Of the rows first, first + step, ...; where there are none, the last row.</summary>
    /// <param name="keys">Where rows lie.</param>
    /// <param name="first">The first row.</param>
    /// <param name="step">To the next.</param>
    /// <param name="end">Behind the last.</param>
    public static RowOffsets Of<TRows>(CachedKeys<TRows> keys, int first, int step, int end)
        where TRows : struct, ICachedRows => new(
        keys.Offset(Math.Min(first, end - 1)),
        keys.Offset(Math.Min(first + step, end - 1)),
        keys.Offset(Math.Min(first + (2 * step), end - 1)),
        keys.Offset(Math.Min(first + (3 * step), end - 1)),
        keys.Offset(Math.Min(first + (4 * step), end - 1)),
        keys.Offset(Math.Min(first + (5 * step), end - 1)),
        keys.Offset(Math.Min(first + (6 * step), end - 1)),
        keys.Offset(Math.Min(first + (7 * step), end - 1)));
}
