using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels.Gpu.Kernels;
using Floats = ILGPU.ArrayView<float>;
using Stream = ILGPU.Runtime.AcceleratorStream;

namespace Kosmos2.Kernels.Gpu;

/// <summary>The kernels that write and read a cache, whatever its format.</summary>
internal abstract class CacheLaunchers
{
    /// <summary><see cref="CacheKernels.Append"/>.</summary>
    public abstract void Append(Stream queue, Tensor k, Tensor v, SequenceViews step, KeyValueBlocks blocks, int layer);

    /// <summary><see cref="AttentionKernels.Cached"/>. Absent probabilities must still be some buffer.</summary>
    public abstract void Attention(
        Stream queue, KernelConfig groups, Tensor q, KeyValueBlocks blocks, int layer, SequenceViews step, Tensor y, Tensor? probabilities, float scale);

    /// <summary><see cref="WideAttentionKernels.Cached"/>.</summary>
    public abstract void WideAttention(
        Stream queue, KernelConfig groups, Tensor q, KeyValueBlocks blocks, int layer, SequenceViews step, SharedKeys others, Tensor y, float scale);
}

/// <summary>Those for one format, each compiled when it is first asked for and kept.</summary>
/// <param name="accelerator">The device.</param>
/// <param name="rows">Makes the view of a layer's keys or values.</param>
internal sealed class CacheLaunchers<TRows>(Accelerator accelerator, Func<Tensor, TRows> rows) : CacheLaunchers
    where TRows : struct, ICachedRows
{
    private Action<Stream, Index1D, Floats, Floats, SequenceViews, CacheViews<TRows>, int>? _append;
    private Action<Stream, KernelConfig, Floats, CacheViews<TRows>, SequenceViews, Floats, Floats, CachedAttentionOptions>? _attention;
    private Action<Stream, KernelConfig, Floats, CacheViews<TRows>, SequenceViews, SharedKeys, Floats, float>? _wideAttention;

    public override void Append(Stream queue, Tensor k, Tensor v, SequenceViews step, KeyValueBlocks blocks, int layer)
    {
        _append ??= accelerator.LoadAutoGroupedKernel<Index1D, Floats, Floats, SequenceViews, CacheViews<TRows>, int>(CacheKernels.Append);
        _append(queue, (int)k.Shape.ElementCount, k.Floats(), v.Floats(), step, Views(blocks, layer), layer == 0 ? 1 : 0);
    }

    public override void Attention(
        Stream queue, KernelConfig groups, Tensor q, KeyValueBlocks blocks, int layer, SequenceViews step, Tensor y, Tensor? probabilities, float scale)
    {
        _attention ??= accelerator.LoadKernel<Floats, CacheViews<TRows>, SequenceViews, Floats, Floats, CachedAttentionOptions>(
            AttentionKernels.Cached, Residency.Of(typeof(AttentionKernels)));
        var options = new CachedAttentionOptions(scale, probabilities is null ? 0 : 1);
        _attention(queue, groups, q.Floats(), Views(blocks, layer), step, y.Floats(), (probabilities ?? y).Floats(), options);
    }

    public override void WideAttention(
        Stream queue, KernelConfig groups, Tensor q, KeyValueBlocks blocks, int layer, SequenceViews step, SharedKeys others, Tensor y, float scale)
    {
        _wideAttention ??= accelerator.LoadKernel<Floats, CacheViews<TRows>, SequenceViews, SharedKeys, Floats, float>(
            WideAttentionKernels.Cached, Residency.Of(typeof(WideAttentionKernels), accelerator.MaxNumThreadsPerGroup));
        _wideAttention(queue, groups, q.Floats(), Views(blocks, layer), step, others, y.Floats(), scale);
    }

    private CacheViews<TRows> Views(KeyValueBlocks blocks, int layer) =>
        new(rows(blocks.Keys(layer)), rows(blocks.Values(layer)), blocks.KeyBias.Floats(), blocks.Heads, blocks.HeadSize);
}
