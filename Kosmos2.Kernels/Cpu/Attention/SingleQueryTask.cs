using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Cache;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// What <see cref="AttentionTask{S, TKeys, TValues}"/> computes, for one query and the cache, as in a decode step: keys and values are read once, where they lie. Every sum is
/// a chain in that one's order, so the results have the same bits; up to eight chains run at once, since one alone would wait for each addition.
/// </summary>
/// <param name="item">One query of a head.</param>
/// <param name="source">Its keys.</param>
/// <param name="next">The keys that are read next, by another item.</param>
/// <param name="headSize">Width of a head.</param>
/// <param name="scale">Of the scores.</param>
/// <param name="scratch">Working memory.</param>
/// <remarks>
/// A head's part of a block is a piece of some kilobytes, too short for the hardware to look ahead in: while scores are computed their keys' values are asked for, and the
/// keys that follow while values are added up.
/// </remarks>
internal readonly unsafe struct SingleQueryTask<S, TFormat>(
    AttentionItem item, CachedKeys<S, TFormat> source, CachedBlocks<S, TFormat> next, int headSize, float scale, AttentionScratch<S> scratch)
    where S : unmanaged, ISimd<S>
    where TFormat : ICachedFormat
{
    private const int BlockSize = KeyValueBlocks.BlockSize;

    /// <summary>Vectors of keys whose scores are computed at once.</summary>
    private const int MostChains = 8;

    private readonly OnlineSoftmax<S> _softmax = new(item, scratch, headSize, hasBias: true);

    // A head's 64 elements are four of the widest vectors, and eight of the next.
    private static bool AddsEight
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => S.Width < Simd512.Width;
    }

    public void Run()
    {
        const int Chunk = AttentionScratch<S>.Chunk;
        ScaleQuery();
        _softmax.Begin();
        int keys = item.VisibleTo(0);
        for (int key = 0; key < keys; key += Chunk)
        {
            int count = Math.Min(Chunk, keys - key);
            Score(key, count);
            source.CopyBias(key, count, scratch.Bias);
            _softmax.Soften(0, scratch.Scores, key, count);
            int behind = (key + count) / BlockSize;
            AddValues(key, count, keys - key > Chunk ? new CachedBlocks<S, TFormat>(source, behind, (keys + BlockSize - 1) / BlockSize - behind) : next);
        }
        _softmax.Finish(0);
    }

    private void ScaleQuery()
    {
        var query = new ScaledRows<S>(item.Queries, item.Stride, scale);
        int k = 0;
        for (; k <= headSize - S.Width; k += S.Width)
            query.Load(0, k).Store(scratch.Queries + k);
        if (k < headSize)
            query.LoadPartial(0, k, headSize - k).StorePartial(scratch.Queries + k, headSize - k);
    }

    private void Score(int key, int count)
    {
        int vectors = (count + S.Width - 1) / S.Width;
        for (int vector = 0; vector < vectors; vector += MostChains)
        {
            int first = key + (vector * S.Width);
            float* scores = scratch.Scores + (vector * S.Width);
            switch (vectors - vector)
            {
                case 1:
                    Score<Rows1>(first, scores);
                    break;
                case 2:
                    Score<Rows2>(first, scores);
                    break;
                case 3:
                    Score<Rows3>(first, scores);
                    break;
                case 4:
                    Score<Rows4>(first, scores);
                    break;
                case 5:
                    Score<Rows5>(first, scores);
                    break;
                case 6:
                    Score<Rows6>(first, scores);
                    break;
                case 7:
                    Score<Rows7>(first, scores);
                    break;
                default:
                    Score<Rows8>(first, scores);
                    break;
            }
        }
    }

    // Of some vectors of keys, from the first on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Score<TVectors>(int key, float* scores)
        where TVectors : ITileRows
    {
        nint toValues = source.ToValues;
        Place<TVectors>(key, 0, toValues, out byte* p0, out float* s0);
        Place<TVectors>(key, 1, toValues, out byte* p1, out float* s1);
        Place<TVectors>(key, 2, toValues, out byte* p2, out float* s2);
        Place<TVectors>(key, 3, toValues, out byte* p3, out float* s3);
        Place<TVectors>(key, 4, toValues, out byte* p4, out float* s4);
        Place<TVectors>(key, 5, toValues, out byte* p5, out float* s5);
        Place<TVectors>(key, 6, toValues, out byte* p6, out float* s6);
        Place<TVectors>(key, 7, toValues, out byte* p7, out float* s7);
        S c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        float* query = scratch.Queries;
        for (nint k = 0, at = 0; k < headSize; k++, at += CachedHead<TFormat>.LineBytes)
        {
            S x = S.Broadcast(query[k]);
            c0 = S.MultiplyAdd(x, TFormat.LoadSlots<S>(p0 + at, s0), c0);
            if (TVectors.Count > 1)
                c1 = S.MultiplyAdd(x, TFormat.LoadSlots<S>(p1 + at, s1), c1);
            if (TVectors.Count > 2)
                c2 = S.MultiplyAdd(x, TFormat.LoadSlots<S>(p2 + at, s2), c2);
            if (TVectors.Count > 3)
                c3 = S.MultiplyAdd(x, TFormat.LoadSlots<S>(p3 + at, s3), c3);
            if (TVectors.Count > 4)
                c4 = S.MultiplyAdd(x, TFormat.LoadSlots<S>(p4 + at, s4), c4);
            if (TVectors.Count > 5)
                c5 = S.MultiplyAdd(x, TFormat.LoadSlots<S>(p5 + at, s5), c5);
            if (TVectors.Count > 6)
                c6 = S.MultiplyAdd(x, TFormat.LoadSlots<S>(p6 + at, s6), c6);
            if (TVectors.Count > 7)
                c7 = S.MultiplyAdd(x, TFormat.LoadSlots<S>(p7 + at, s7), c7);
            if (at % CacheLine.Bytes != 0)
                continue;
            nint values = at + toValues;
            CacheLine.Prefetch(p0 + values);
            if (TVectors.Count > 1)
                CacheLine.Prefetch(p1 + values);
            if (TVectors.Count > 2)
                CacheLine.Prefetch(p2 + values);
            if (TVectors.Count > 3)
                CacheLine.Prefetch(p3 + values);
            if (TVectors.Count > 4)
                CacheLine.Prefetch(p4 + values);
            if (TVectors.Count > 5)
                CacheLine.Prefetch(p5 + values);
            if (TVectors.Count > 6)
                CacheLine.Prefetch(p6 + values);
            if (TVectors.Count > 7)
                CacheLine.Prefetch(p7 + values);
        }
        c0.Store(scores);
        if (TVectors.Count > 1)
            c1.Store(scores + (1 * S.Width));
        if (TVectors.Count > 2)
            c2.Store(scores + (2 * S.Width));
        if (TVectors.Count > 3)
            c3.Store(scores + (3 * S.Width));
        if (TVectors.Count > 4)
            c4.Store(scores + (4 * S.Width));
        if (TVectors.Count > 5)
            c5.Store(scores + (5 * S.Width));
        if (TVectors.Count > 6)
            c6.Store(scores + (6 * S.Width));
        if (TVectors.Count > 7)
            c7.Store(scores + (7 * S.Width));
    }

    // The first elements of a vector of keys, and their scales; the scales of their values are asked for.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Place<TVectors>(int key, int vector, nint toValues, out byte* elements, out float* scales)
        where TVectors : ITileRows
    {
        elements = null;
        scales = null;
        if (vector >= TVectors.Count)
            return;
        int first = key + (vector * S.Width);
        CachedHead<TFormat> head = source.Keys(first / BlockSize);
        int slot = first % BlockSize;
        elements = head.Elements + (slot * TFormat.ElementBytes);
        scales = head.Scales + slot;
        if (TFormat.ScaleBytes > 0)
            CacheLine.Prefetch((byte*)scales + toValues);
    }

    private void AddValues(int key, int count, CachedBlocks<S, TFormat> ahead)
    {
        int together = AddsEight ? 8 * S.Width : 4 * S.Width;
        int column = 0;
        for (; column + together <= headSize; column += together)
        {
            AddValues(key, count, column, ahead);
            ahead = default;
        }
        for (; column < headSize; column += S.Width)
            AddVector(key, count, column, Math.Min(S.Width, headSize - column));
    }

    // sums[d] += sum over i of weights[i] value[i][d], for four or eight vectors of elements d.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddValues(int key, int count, nint column, CachedBlocks<S, TFormat> ahead)
    {
        S c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        float* weights = scratch.Scores;
        nint step = S.Width * TFormat.ElementBytes;
        nint rowBytes = (nint)headSize * TFormat.ElementBytes;
        for (int start = 0; start < count; start += BlockSize)
        {
            CachedHead<TFormat> head = source.ValueHead((key + start) / BlockSize);
            byte* value = head.Elements + (column * TFormat.ElementBytes);
            byte* asked = ahead.At(start / BlockSize);
            if (TFormat.ScaleBytes > 0 && asked != null)
                CacheLine.Prefetch(asked - TFormat.ScaleBytes);
            int slots = Math.Min(BlockSize, count - start);
            for (nint slot = 0; slot < slots; slot++, value += rowBytes)
            {
                float* scales = head.Scales + slot;
                S x = S.Broadcast(weights[start + slot]);
                c0 = S.MultiplyAdd(x, TFormat.LoadSlot<S>(value, scales, S.Width), c0);
                c1 = S.MultiplyAdd(x, TFormat.LoadSlot<S>(value + step, scales, S.Width), c1);
                c2 = S.MultiplyAdd(x, TFormat.LoadSlot<S>(value + (2 * step), scales, S.Width), c2);
                c3 = S.MultiplyAdd(x, TFormat.LoadSlot<S>(value + (3 * step), scales, S.Width), c3);
                if (AddsEight)
                {
                    c4 = S.MultiplyAdd(x, TFormat.LoadSlot<S>(value + (4 * step), scales, S.Width), c4);
                    c5 = S.MultiplyAdd(x, TFormat.LoadSlot<S>(value + (5 * step), scales, S.Width), c5);
                    c6 = S.MultiplyAdd(x, TFormat.LoadSlot<S>(value + (6 * step), scales, S.Width), c6);
                    c7 = S.MultiplyAdd(x, TFormat.LoadSlot<S>(value + (7 * step), scales, S.Width), c7);
                }
                if (asked == null)
                    continue;
                CacheLine.Prefetch(asked, (int)rowBytes);
                asked += rowBytes;
            }
        }
        float* sums = scratch.Sums + column;
        Add(sums, c0, c1, c2, c3);
        if (AddsEight)
            Add(sums + (4 * S.Width), c4, c5, c6, c7);
    }

    private void AddVector(int key, int count, nint column, int lanes)
    {
        S sum = default;
        for (int i = 0; i < count; i++)
        {
            CachedHead<TFormat> head = source.ValueHead((key + i) / BlockSize);
            sum = S.MultiplyAdd(S.Broadcast(scratch.Scores[i]), head.Value<S>((key + i) % BlockSize, column, lanes), sum);
        }
        (S.Load(scratch.Sums + column) + sum).Store(scratch.Sums + column);
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

/// <summary>Some blocks of a sequence, whose keys are read soon; none by default.</summary>
internal readonly unsafe struct CachedBlocks<S, TFormat>(CachedKeys<S, TFormat> source, int first, int count)
    where S : unmanaged, ISimd<S>
    where TFormat : ICachedFormat
{
    /// <summary>The elements of a block's keys; null past the last block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* At(int block) => block < count ? source.Keys(first + block).Elements : null;
}
