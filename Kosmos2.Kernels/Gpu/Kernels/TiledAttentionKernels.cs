using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Which queries a group has, and where their heads and results begin.</summary>
/// <param name="Queries">Index of the first query's head in q.</param>
/// <param name="Results">Index of its result in y.</param>
/// <param name="Count">How many queries there are.</param>
/// <param name="Width">From one query to the next.</param>
internal readonly record struct QueryTile(int Queries, int Results, int Count, int Width);

/// <summary>
/// Attention of many queries, p = softmax over j of scale * (q . k[j]), y = sum over j of p[j] v[j], for whoever does not ask for p. A group has a tile of
/// <see cref="Queries"/> queries of one head and walks through the keys, <see cref="Keys"/> at a time: it keeps each query's largest score, sum of exponentials and
/// weighted sum of values so far, the latter two rescaled when a larger score comes, so nothing grows with the number of keys.
/// </summary>
/// <remarks>
/// A thread has 4 queries, of the keys every 16th, of the values 4 elements. Each tile of keys passes through shared memory in pieces, keys 32 elements at a
/// time and values 32 at a time; while one is multiplied the next is on its way to registers.
/// </remarks>
internal static class TiledAttentionKernels
{
    /// <summary>Threads of a group.</summary>
    public const int GroupSize = 128;

    /// <summary>Queries of a group.</summary>
    public const int Queries = 32;

    /// <summary>Keys that are scored at a time.</summary>
    public const int Keys = 64;

    /// <summary>Elements of a 128-bit load.</summary>
    public const int Wide = 4;

    private const int MostHeadSize = 64;

    // Elements of keys, or values, that are in shared memory at a time.
    private const int Piece = 32;

    // Threads that share the keys of a query.
    private const int Columns = 16;

    // From one row to the next in shared memory: 128-bit reads of eight rows in a row meet 32 banks.
    private const int HeadPitch = MostHeadSize + Wide;
    private const int PiecePitch = Piece + Wide;
    private const int PartsPitch = Columns + Wide;

    /// <summary>Whether heads of a size can be attended to here.</summary>
    internal static bool Takes(int headSize) => headSize <= MostHeadSize && headSize % Wide == 0;

    /// <summary>Group (tile of queries, head) of the attention without mask.</summary>
    public static void Packed(ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, PackedAttentionOptions options)
    {
        int tiles = (options.Queries + Queries - 1) / Queries;
        int batch = Grid.IdxX / tiles;
        int first = (Grid.IdxX - (batch * tiles)) * Queries;
        int width = options.Heads * options.HeadSize;
        int head = Grid.IdxY * options.HeadSize;
        int row = (batch * options.Queries) + first;
        int start = (batch * options.Keys * width) + head;
        var tile = new QueryTile(
            ((options.SharedQueries != 0 ? first : row) * width) + head,
            (row * width) + head,
            Math.Min(Queries, options.Queries - first),
            width);
        Attend(
            q,
            y,
            new HeadRows(k, start, width, options.HeadSize, options.Keys),
            new HeadRows(v, start, width, options.HeadSize, options.Keys),
            tile,
            options.Scale);
    }

    private static void Attend(ArrayView<float> q, ArrayView<float> y, HeadRows keys, HeadRows values, QueryTile tile, float scale)
    {
        ArrayView<float> queries = SharedMemory.Allocate<float>(Queries * HeadPitch);
        ArrayView<float> weights = SharedMemory.Allocate<float>(Queries * HeadPitch);
        ArrayView<float> staged = SharedMemory.Allocate<float>(Keys * PiecePitch);
        ArrayView<float> parts = SharedMemory.Allocate<float>(Queries * PartsPitch);

        // Neighbouring threads have different queries and the same keys: a warp's 128-bit reads of either are then as few as can be.
        int thread = Group.IdxX;
        int column = (thread >> 1) & (Columns - 1);
        int query = Wide * ((thread & 1) | (thread >> 5 << 1));
        bool busy = query < tile.Count;
        int headSize = keys.HeadSize;
        int end = keys.Count;

        StageQueries(q, queries, tile, headSize, scale);
        Quad largest = Quad.Of(float.NegativeInfinity);
        Quad sums = default;
        Quad y0 = default, y1 = default, y2 = default, y3 = default;
        Strip next = KeyPiece(keys, 0, 0);
        for (int start = 0; start < end; start += Keys)
        {
            Quad s0 = default, s1 = default, s2 = default, s3 = default;
            for (int depth = 0; depth < headSize; depth += Piece)
            {
                Group.Barrier();
                StoreKeys(staged, next);
                Group.Barrier();
                next = depth + Piece < headSize
                    ? KeyPiece(keys, start, depth + Piece)
                    : ValuePiece(values, start);
                if (busy)
                {
                    int count = Math.Min(Piece, headSize - depth);
                    for (int d = 0; d < count; d += Wide)
                    {
                        Quad k0 = Quad.LoadWide(staged, (column * PiecePitch) + d);
                        Quad k1 = Quad.LoadWide(staged, ((column + Columns) * PiecePitch) + d);
                        Quad k2 = Quad.LoadWide(staged, ((column + (2 * Columns)) * PiecePitch) + d);
                        Quad k3 = Quad.LoadWide(staged, ((column + (3 * Columns)) * PiecePitch) + d);
                        int at = (query * HeadPitch) + depth + d;
                        s0 = s0.PlusDots(Quad.LoadWide(queries, at), k0, k1, k2, k3);
                        s1 = s1.PlusDots(Quad.LoadWide(queries, at + HeadPitch), k0, k1, k2, k3);
                        s2 = s2.PlusDots(Quad.LoadWide(queries, at + (2 * HeadPitch)), k0, k1, k2, k3);
                        s3 = s3.PlusDots(Quad.LoadWide(queries, at + (3 * HeadPitch)), k0, k1, k2, k3);
                    }
                }
            }

            int key = start + column;
            s0 = Existing(s0, key, end);
            s1 = Existing(s1, key, end);
            s2 = Existing(s2, key, end);
            s3 = Existing(s3, key, end);
            int part = (query * PartsPitch) + column;
            parts[part] = s0.Largest;
            parts[part + PartsPitch] = s1.Largest;
            parts[part + (2 * PartsPitch)] = s2.Largest;
            parts[part + (3 * PartsPitch)] = s3.Largest;
            Group.Barrier();
            part = query * PartsPitch;
            var larger = new Quad(
                LargestPart(parts, part, largest.A),
                LargestPart(parts, part + PartsPitch, largest.B),
                LargestPart(parts, part + (2 * PartsPitch), largest.C),
                LargestPart(parts, part + (3 * PartsPitch), largest.D));
            var faded = new Quad(
                XMath.Exp(largest.A - larger.A), XMath.Exp(largest.B - larger.B), XMath.Exp(largest.C - larger.C), XMath.Exp(largest.D - larger.D));
            largest = larger;
            s0 = s0.Exponentials(larger.A);
            s1 = s1.Exponentials(larger.B);
            s2 = s2.Exponentials(larger.C);
            s3 = s3.Exponentials(larger.D);
            sums = new Quad((sums.A * faded.A) + s0.Sum, (sums.B * faded.B) + s1.Sum, (sums.C * faded.C) + s2.Sum, (sums.D * faded.D) + s3.Sum);
            int weight = (query * HeadPitch) + column;
            StoreWeights(weights, weight, s0);
            StoreWeights(weights, weight + HeadPitch, s1);
            StoreWeights(weights, weight + (2 * HeadPitch), s2);
            StoreWeights(weights, weight + (3 * HeadPitch), s3);
            y0 = y0.Times(faded.A);
            y1 = y1.Times(faded.B);
            y2 = y2.Times(faded.C);
            y3 = y3.Times(faded.D);

            for (int first = 0; first < Keys && start + first < end; first += Piece)
            {
                Group.Barrier();
                StoreValues(staged, next);
                Group.Barrier();
                int following = start + first + Piece;
                next = first + Piece < Keys && following < end
                    ? ValuePiece(values, following)
                    : KeyPiece(keys, start + Keys, 0);
                if (busy && column * Wide < headSize)
                {
                    int count = Math.Min(Piece, end - start - first);
                    for (int j = 0; j < count; j += Wide)
                    {
                        int value = (j * MostHeadSize) + (column * Wide);
                        Quad v0 = Quad.LoadWide(staged, value);
                        Quad v1 = Quad.LoadWide(staged, value + MostHeadSize);
                        Quad v2 = Quad.LoadWide(staged, value + (2 * MostHeadSize));
                        Quad v3 = Quad.LoadWide(staged, value + (3 * MostHeadSize));
                        int at = (query * HeadPitch) + first + j;
                        y0 = y0.Plus(Quad.LoadWide(weights, at), v0, v1, v2, v3);
                        y1 = y1.Plus(Quad.LoadWide(weights, at + HeadPitch), v0, v1, v2, v3);
                        y2 = y2.Plus(Quad.LoadWide(weights, at + (2 * HeadPitch)), v0, v1, v2, v3);
                        y3 = y3.Plus(Quad.LoadWide(weights, at + (3 * HeadPitch)), v0, v1, v2, v3);
                    }
                }
            }
        }
        Group.Barrier();
        int sum = (query * PartsPitch) + column;
        parts[sum] = sums.A;
        parts[sum + PartsPitch] = sums.B;
        parts[sum + (2 * PartsPitch)] = sums.C;
        parts[sum + (3 * PartsPitch)] = sums.D;
        Group.Barrier();
        if (column * Wide < headSize)
        {
            Store(y, parts, tile, query, column, y0);
            Store(y, parts, tile, query + 1, column, y1);
            Store(y, parts, tile, query + 2, column, y2);
            Store(y, parts, tile, query + 3, column, y3);
        }
    }

    private static void Store(ArrayView<float> y, ArrayView<float> parts, QueryTile tile, int query, int column, Quad value)
    {
        if (query >= tile.Count)
            return;
        int part = query * PartsPitch;
        float sum = 0;
        for (int i = 0; i < Columns; i += Wide)
            sum += Quad.LoadWide(parts, part + i).Sum;
        value.Times(1 / sum).StoreWide(y, tile.Results + (query * tile.Width) + (column * Wide));
    }

    private static void StageQueries(ArrayView<float> q, ArrayView<float> queries, QueryTile tile, int headSize, float scale)
    {
        const int Lines = GroupSize / Columns;
        int element = (Group.IdxX & (Columns - 1)) * Wide;
        for (int line = Group.IdxX / Columns; line < Queries; line += Lines)
        {
            Quad x = line < tile.Count && element < headSize ? Quad.LoadWide(q, tile.Queries + (line * tile.Width) + element) : default;
            x.Times(scale).StoreWide(queries, (line * HeadPitch) + element);
        }
    }

    /// <summary>Scores of every 16th key, minus infinity where there is none.</summary>
    private static Quad Existing(Quad scores, int key, int end) => new(
        key < end ? scores.A : float.NegativeInfinity,
        key + Columns < end ? scores.B : float.NegativeInfinity,
        key + (2 * Columns) < end ? scores.C : float.NegativeInfinity,
        key + (3 * Columns) < end ? scores.D : float.NegativeInfinity);

    private static float LargestPart(ArrayView<float> parts, int part, float before)
    {
        float a = Quad.LoadWide(parts, part).Largest;
        float b = Quad.LoadWide(parts, part + Wide).Largest;
        float c = Quad.LoadWide(parts, part + (2 * Wide)).Largest;
        float d = Quad.LoadWide(parts, part + (3 * Wide)).Largest;
        return XMath.Max(before, XMath.Max(XMath.Max(a, b), XMath.Max(c, d)));
    }

    private static void StoreWeights(ArrayView<float> weights, int at, Quad values)
    {
        weights[at] = values.A;
        weights[at + Columns] = values.B;
        weights[at + (2 * Columns)] = values.C;
        weights[at + (3 * Columns)] = values.D;
    }

    /// <summary>This thread's share of 64 keys' 32 elements: 8 threads have a key.</summary>
    private static Strip KeyPiece(HeadRows keys, int start, int depth) =>
        keys.Load(start + (Group.IdxX >> 3), 16, depth + ((Group.IdxX & 7) * Wide));

    private static void StoreKeys(ArrayView<float> staged, Strip piece) =>
        piece.Store(staged, ((Group.IdxX >> 3) * PiecePitch) + ((Group.IdxX & 7) * Wide), 16 * PiecePitch);

    /// <summary>This thread's share of 32 values: 16 threads have one.</summary>
    private static Strip ValuePiece(HeadRows values, int start) =>
        values.Load(start + (Group.IdxX >> 4), 8, (Group.IdxX & 15) * Wide);

    private static void StoreValues(ArrayView<float> staged, Strip piece) =>
        piece.Store(staged, ((Group.IdxX >> 4) * MostHeadSize) + ((Group.IdxX & 15) * Wide), 8 * MostHeadSize);

    /// <summary>One head of a sequence's keys, or of its values.</summary>
    /// <param name="Elements">Of all heads.</param>
    /// <param name="Start">Index of the head's first element.</param>
    /// <param name="Stride">From one row to the next.</param>
    /// <param name="HeadSize">Elements of a row.</param>
    /// <param name="Count">How many rows there are.</param>
    private readonly record struct HeadRows(ArrayView<float> Elements, int Start, int Stride, int HeadSize, int Count)
    {
        /// <summary>Four elements each of the rows first, first + step, ...; zeros where there are none.</summary>
        public Strip Load(int first, int step, int element) =>
            new(At(first, element), At(first + step, element), At(first + (2 * step), element), At(first + (3 * step), element));

        private Quad At(int row, int element) =>
            row < Count && element < HeadSize ? Quad.LoadWide(Elements, Start + (row * Stride) + element) : default;
    }

    /// <summary>What a thread brings of a piece.</summary>
    private readonly record struct Strip(Quad A, Quad B, Quad C, Quad D)
    {
        /// <summary>Stores its rows, so far from each other.</summary>
        public void Store(ArrayView<float> to, int at, int step)
        {
            A.StoreWide(to, at);
            B.StoreWide(to, at + step);
            C.StoreWide(to, at + (2 * step));
            D.StoreWide(to, at + (3 * step));
        }
    }
}
