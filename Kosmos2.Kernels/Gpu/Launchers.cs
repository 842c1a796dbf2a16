using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels.Gpu.Kernels;
using Floats = ILGPU.ArrayView<float>;
using Integers = ILGPU.ArrayView<int>;
using Stream = ILGPU.Runtime.AcceleratorStream;

namespace Kosmos2.Kernels.Gpu;

/// <summary>The kernels as they are launched on one device's queue, each compiled when it is first asked for and kept.</summary>
internal sealed class Launchers(Accelerator accelerator)
{
    private readonly Dictionary<Type, Delegate> _layerNorms = [];
    private Action<Stream, KernelConfig, Floats, Floats, int>? _l2Normalize;
    private Action<Stream, Index1D, Floats, Floats, PatchOptions>? _unfold;
    private Action<Stream, Index1D, Floats, Floats, Floats, int, int>? _patchPositions;
    private Action<Stream, KernelConfig, Floats, Floats, Floats, Floats, Floats, PackedAttentionOptions>? _packedAttention;
    private Action<Stream, KernelConfig, Floats, Floats, Floats, Floats, PackedAttentionOptions>? _tiledAttention;
    private Action<Stream, Index1D, Integers, Integers, int>? _copyBlocks;
    private Action<Stream, Index1D, Integers, Floats, Floats, int>? _gather;
    private Action<Stream, KernelConfig, Floats, ChoiceViews, ClassViews, Integers, int>? _select;
    private Action<Stream, KernelConfig, Floats, ChoiceViews, ClassViews, ArrayView<ulong>, Integers, int>? _draw;
    private Action<Stream, KernelConfig, Floats, ChoiceViews, TokenGrid, Integers, int>? _read;

    /// <summary>Threads of a group that has a row of a width.</summary>
    public int RowThreads(int width) => RowKernels.ThreadsFor(width, accelerator.MaxNumThreadsPerGroup);

    /// <summary><see cref="RowKernels.LayerNorm"/> for one kind of result.</summary>
    public Action<Stream, KernelConfig, Floats, NormViews, TRows, int> LayerNorm<TRows>()
        where TRows : struct, IResultRows
    {
        if (!_layerNorms.TryGetValue(typeof(TRows), out Delegate? launcher))
            _layerNorms.Add(typeof(TRows), launcher = accelerator.LoadKernel<Floats, NormViews, TRows, int>(RowKernels.LayerNorm, Rows));
        return (Action<Stream, KernelConfig, Floats, NormViews, TRows, int>)launcher;
    }

    public Action<Stream, KernelConfig, Floats, Floats, int> L2Normalize =>
        _l2Normalize ??= accelerator.LoadKernel<Floats, Floats, int>(RowKernels.L2Normalize, Rows);

    public Action<Stream, Index1D, Floats, Floats, PatchOptions> Unfold =>
        _unfold ??= accelerator.LoadAutoGroupedKernel<Index1D, Floats, Floats, PatchOptions>(EmbeddingKernels.Unfold);

    public Action<Stream, Index1D, Floats, Floats, Floats, int, int> PatchPositions =>
        _patchPositions ??= accelerator.LoadAutoGroupedKernel<Index1D, Floats, Floats, Floats, int, int>(EmbeddingKernels.PatchPositions);

    public Action<Stream, KernelConfig, Floats, Floats, Floats, Floats, Floats, PackedAttentionOptions> PackedAttention =>
        _packedAttention ??= accelerator.LoadKernel<Floats, Floats, Floats, Floats, Floats, PackedAttentionOptions>(
            AttentionKernels.Packed, Residency.Of(typeof(AttentionKernels)));

    public Action<Stream, KernelConfig, Floats, Floats, Floats, Floats, PackedAttentionOptions> TiledAttention =>
        _tiledAttention ??= accelerator.LoadKernel<Floats, Floats, Floats, Floats, PackedAttentionOptions>(
            TiledAttentionKernels.Packed, Residency.Of(typeof(TiledAttentionKernels)));

    public Action<Stream, Index1D, Integers, Integers, int> CopyBlocks =>
        _copyBlocks ??= accelerator.LoadAutoGroupedKernel<Index1D, Integers, Integers, int>(CacheKernels.CopyBlocks);

    public Action<Stream, Index1D, Integers, Floats, Floats, int> Gather =>
        _gather ??= accelerator.LoadAutoGroupedKernel<Index1D, Integers, Floats, Floats, int>(CacheKernels.Gather);

    public Action<Stream, KernelConfig, Floats, ChoiceViews, ClassViews, Integers, int> Select =>
        _select ??= accelerator.LoadKernel<Floats, ChoiceViews, ClassViews, Integers, int>(SelectionKernels.Select, Rows);

    public Action<Stream, KernelConfig, Floats, ChoiceViews, ClassViews, ArrayView<ulong>, Integers, int> Draw =>
        _draw ??= accelerator.LoadKernel<Floats, ChoiceViews, ClassViews, ArrayView<ulong>, Integers, int>(DrawKernels.Draw);

    public Action<Stream, KernelConfig, Floats, ChoiceViews, TokenGrid, Integers, int> Read =>
        _read ??= accelerator.LoadKernel<Floats, ChoiceViews, TokenGrid, Integers, int>(ReadingKernels.Read, Rows);

    private KernelSpecialization Rows => Residency.Of(typeof(RowKernels), accelerator.MaxNumThreadsPerGroup);
}
