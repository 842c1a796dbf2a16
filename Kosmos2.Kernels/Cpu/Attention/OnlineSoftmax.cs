using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// The softmax between both products of an <see cref="AttentionItem"/>, chunk of keys by chunk of keys, with a running maximum and total
/// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018), so that no row of scores is ever stored as a whole.
/// </summary>
/// <remarks>Chunks begin at fixed keys and a key that a query does not see weighs exactly 0: the other queries of an item change no result.</remarks>
internal readonly unsafe struct OnlineSoftmax<S>(AttentionItem item, AttentionScratch<S> scratch, int headSize, bool hasBias)
    where S : unmanaged, ISimd<S>
{
    private readonly int _padded = AttentionScratch<S>.PaddedHead(headSize);

    /// <summary>Forgets the item before; a total begins with the first chunk.</summary>
    public void Begin()
    {
        new Span<float>(scratch.Sums, item.Count * _padded).Clear();
        new Span<float>(scratch.Largest, item.Count).Fill(float.NegativeInfinity);
    }

    /// <summary>Scores of one query to exponentials; what was summed before is scaled down when the maximum rises.</summary>
    /// <param name="query">The query.</param>
    /// <param name="scores">[count].</param>
    /// <param name="key">First key of the chunk, whose part of the bias is in the scratch memory.</param>
    /// <param name="count">Keys of the chunk.</param>
    public void Soften(int query, float* scores, int key, int count)
    {
        int visible = Math.Clamp(item.VisibleTo(query) - key, 0, count);
        if (hasBias)
            SoftmaxRow.AddBias<S>(scores, scratch.Bias, visible);
        if (item.Probabilities != null)
            new Span<float>(scores, visible).CopyTo(new Span<float>(item.Probabilities + ((nint)query * item.ProbabilityWidth) + key, visible));
        float before = scratch.Largest[query];
        float largest = SoftmaxRow.Largest<S>(scores, visible, count, before);
        float total = SoftmaxRow.Exponentials<S>(scores, count, largest);
        scratch.Largest[query] = largest;
        if (key == 0)
        {
            scratch.Totals[query] = total;
            return;
        }
        float kept = SoftmaxRow.Exponential<S>(before - largest);
        scratch.Totals[query] = (scratch.Totals[query] * kept) + total;
        if (kept != 1)
            SoftmaxRow.Scale<S>(scratch.Sums + ((nint)query * _padded), _padded, kept);
    }

    /// <summary>Sums of weighted values to an output, and scores to probabilities.</summary>
    public void Finish(int query)
    {
        float total = scratch.Totals[query];
        SoftmaxRow.Divide<S>(scratch.Sums + ((nint)query * _padded), item.Outputs + (query * item.Stride), headSize, total);
        if (item.Probabilities == null)
            return;
        float* row = item.Probabilities + ((nint)query * item.ProbabilityWidth);
        int visible = item.VisibleTo(query);
        SoftmaxRow.Exponentials<S>(row, visible, scratch.Largest[query]);
        SoftmaxRow.Divide<S>(row, row, visible, total);
        new Span<float>(row + visible, item.ProbabilityWidth - visible).Clear();
    }
}
