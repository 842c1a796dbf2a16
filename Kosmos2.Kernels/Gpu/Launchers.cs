using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels.Gpu.Kernels;
using Floats = ILGPU.ArrayView<float>;
using Integers = ILGPU.ArrayView<int>;

namespace Kosmos2.Kernels.Gpu;

/// <summary>The kernels as they are launched on one device's queue, each compiled when it is first asked for and kept.</summary>
internal sealed class Launchers(Accelerator accelerator)
{
    private Action<KernelConfig, Floats, Floats, Floats, Floats, int, float>? _layerNorm;
    private Action<KernelConfig, Floats, Floats, int>? _l2Normalize;
    private Action<Index1D, Floats, Floats, PatchOptions>? _unfold;
    private Action<Index1D, Floats, Floats, Floats, int, int>? _patchPositions;
    private Action<KernelConfig, Floats, Floats, Floats, Floats, Floats, PackedAttentionOptions>? _packedAttention;
    private Action<KernelConfig, Floats, Floats, Floats, Floats, SequenceViews, Floats, Floats, CachedAttentionOptions>? _cachedAttention;
    private Action<Index1D, Integers, Floats, Floats, Floats, Floats, int, int>? _append;
    private Action<Index1D, Integers, Integers, Floats>? _appendBias;
    private Action<Index1D, Integers, Floats, int>? _copyBlocks;
    private Action<Index1D, Integers, Floats, Floats, int>? _gather;
    private Action<KernelConfig, Floats, Integers, Integers, Integers, int>? _select;

    public Action<KernelConfig, Floats, Floats, Floats, Floats, int, float> LayerNorm =>
        _layerNorm ??= accelerator.LoadStreamKernel<Floats, Floats, Floats, Floats, int, float>(RowKernels.LayerNorm);

    public Action<KernelConfig, Floats, Floats, int> L2Normalize =>
        _l2Normalize ??= accelerator.LoadStreamKernel<Floats, Floats, int>(RowKernels.L2Normalize);

    public Action<Index1D, Floats, Floats, PatchOptions> Unfold =>
        _unfold ??= accelerator.LoadAutoGroupedStreamKernel<Index1D, Floats, Floats, PatchOptions>(EmbeddingKernels.Unfold);

    public Action<Index1D, Floats, Floats, Floats, int, int> PatchPositions =>
        _patchPositions ??= accelerator.LoadAutoGroupedStreamKernel<Index1D, Floats, Floats, Floats, int, int>(EmbeddingKernels.PatchPositions);

    public Action<KernelConfig, Floats, Floats, Floats, Floats, Floats, PackedAttentionOptions> PackedAttention =>
        _packedAttention ??= accelerator.LoadStreamKernel<Floats, Floats, Floats, Floats, Floats, PackedAttentionOptions>(AttentionKernels.Packed);

    public Action<KernelConfig, Floats, Floats, Floats, Floats, SequenceViews, Floats, Floats, CachedAttentionOptions> CachedAttention =>
        _cachedAttention ??= accelerator.LoadStreamKernel<Floats, Floats, Floats, Floats, SequenceViews, Floats, Floats, CachedAttentionOptions>(
            AttentionKernels.Cached);

    public Action<Index1D, Integers, Floats, Floats, Floats, Floats, int, int> Append =>
        _append ??= accelerator.LoadAutoGroupedStreamKernel<Index1D, Integers, Floats, Floats, Floats, Floats, int, int>(CacheKernels.Append);

    public Action<Index1D, Integers, Integers, Floats> AppendBias =>
        _appendBias ??= accelerator.LoadAutoGroupedStreamKernel<Index1D, Integers, Integers, Floats>(CacheKernels.AppendBias);

    public Action<Index1D, Integers, Floats, int> CopyBlocks =>
        _copyBlocks ??= accelerator.LoadAutoGroupedStreamKernel<Index1D, Integers, Floats, int>(CacheKernels.CopyBlocks);

    public Action<Index1D, Integers, Floats, Floats, int> Gather =>
        _gather ??= accelerator.LoadAutoGroupedStreamKernel<Index1D, Integers, Floats, Floats, int>(CacheKernels.Gather);

    public Action<KernelConfig, Floats, Integers, Integers, Integers, int> Select =>
        _select ??= accelerator.LoadStreamKernel<Floats, Integers, Integers, Integers, int>(SelectionKernels.Select);
}

/// <summary>The kernels that read a weight, for one stored type.</summary>
internal sealed class WeightLaunchers<TWeight>(Accelerator accelerator)
    where TWeight : struct, IWeightView
{
    private Action<KernelConfig, Floats, TWeight, Floats, Floats, Floats, LinearOptions>? _tiled;
    private Action<KernelConfig, Floats, TWeight, Floats, Floats, Floats, LinearOptions>? _row;
    private Action<Index1D, Integers, Integers, Integers, TWeight, Floats, Floats, Floats, int, float>? _embedRows;

    public Action<KernelConfig, Floats, TWeight, Floats, Floats, Floats, LinearOptions> LinearTiled =>
        _tiled ??= accelerator.LoadStreamKernel<Floats, TWeight, Floats, Floats, Floats, LinearOptions>(TiledLinearKernels.Tiled);

    public Action<KernelConfig, Floats, TWeight, Floats, Floats, Floats, LinearOptions> LinearRow =>
        _row ??= accelerator.LoadStreamKernel<Floats, TWeight, Floats, Floats, Floats, LinearOptions>(LinearKernels.Row);

    public Action<Index1D, Integers, Integers, Integers, TWeight, Floats, Floats, Floats, int, float> EmbedRows =>
        _embedRows ??= accelerator.LoadAutoGroupedStreamKernel<Index1D, Integers, Integers, Integers, TWeight, Floats, Floats, Floats, int, float>(
            EmbeddingKernels.EmbedRows);
}
