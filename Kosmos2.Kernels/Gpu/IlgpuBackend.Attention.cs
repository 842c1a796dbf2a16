using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Kernels.Gpu;

/// <summary>Attention: on tensor cores where the options allow it and queries are many, else by kernels in C#.</summary>
internal sealed partial class IlgpuBackend
{
    private readonly int? _keyGroups;
    private DeviceStorage? _keySums;
    private DeviceStorage? _arrived;

    /// <inheritdoc/>
    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null)
    {
        _checks.Attention(q, k, v, y, batch, heads, probabilities);
        if (y.Shape.ElementCount == 0)
            return;
        var options = new PackedAttentionOptions(
            y.Rows / batch, k.Rows / batch, heads, y.Width / heads, scale, q.Rows == y.Rows ? 0 : 1, probabilities is null ? 0 : 1);
        if (probabilities is null && FastAttention(q, k, v, y, batch, options))
            return;
        if (probabilities is null && TiledAttentionKernels.Takes(options.HeadSize) && IsAligned(q) && IsAligned(k) && IsAligned(v) && IsAligned(y))
        {
            int tiles = batch * LaunchGrid.Groups(options.Queries, TiledAttentionKernels.Queries);
            _launch.TiledAttention(
                Launch(),
                (new Index3D(tiles, heads, 1), new Index3D(TiledAttentionKernels.GroupSize, 1, 1)),
                q.Floats(),
                k.Floats(),
                v.Floats(),
                y.Floats(),
                options);
            return;
        }
        _launch.PackedAttention(
            Launch(),
            (new Index3D(y.Rows, heads, 1), new Index3D(AttentionKernels.PackedGroup, 1, 1)),
            q.Floats(),
            k.Floats(),
            v.Floats(),
            y.Floats(),
            (probabilities ?? y).Floats(),
            options);
    }

    /// <inheritdoc/>
    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null)
    {
        _checks.CachedAttention(q, blocks, layer, y, probabilities);
        if (y.Shape.ElementCount == 0)
            return;
        if (probabilities is null && FastAttention(q, blocks, layer, scale, y))
            return;
        if (probabilities is null && WideAttentionKernels.Takes(blocks.HeadSize) && IsAligned(q))
        {
            int keyGroups = KeyGroups(y.Rows, blocks);
            var wide = new KernelConfig(
                new Index3D(y.Rows, blocks.Heads, keyGroups), new Index3D(Math.Min(_wideThreads, WideAttentionKernels.MostThreads), 1, 1));
            SharedKeys others = keyGroups > 1 ? Shared(y.Rows, blocks) : new SharedKeys(y.Floats(), Section(StepTable.Section.KeyCounts));
            For(blocks).WideAttention(Launch(AttendedBytes(blocks)), wide, q, blocks, layer, Sequences(), others, y, scale);
            return;
        }
        var groups = new KernelConfig(new Index3D(y.Rows, blocks.Heads, 1), new Index3D(AttentionKernels.CachedGroup, 1, 1));
        For(blocks).Attention(Launch(AttendedBytes(blocks)), groups, q, blocks, layer, Sequences(), y, probabilities, scale);
    }

    /// <summary>
    /// Groups that share the keys of a row and head: as many as run at once, one on each multiprocessor, but no more than the cache has room for. A replayed step
    /// has the same rows and the same cache, and a cache that grows voids it; groups that find no keys left for them return.
    /// </summary>
    private int KeyGroups(int rows, KeyValueBlocks blocks)
    {
        int most = Math.Min(KeySplits.Most, LaunchGrid.Groups(blocks.Capacity, KeySplits.Least / KeyValueBlocks.BlockSize));
        return Math.Clamp(_keyGroups ?? _accelerator.NumMultiprocessors / (rows * blocks.Heads), 1, most);
    }

    /// <summary>Where the groups of some rows leave their sums.</summary>
    private SharedKeys Shared(int rows, KeyValueBlocks blocks)
    {
        int places = rows * blocks.Heads;
        int sums = places * SharedKeys.Length(blocks.HeadSize);
        DeviceStorage? before = _arrived;
        ArrayView<int> arrived = Grow(ref _arrived, places * sizeof(int)).View<int>(0, places);
        // Each launch leaves zeros behind.
        if (_arrived != before)
            arrived.MemSetToZero(_queue);
        return new SharedKeys(Grow(ref _keySums, sums * sizeof(float)).View<float>(0, sums), arrived);
    }

    /// <summary>Attention on tensor cores.</summary>
    /// <returns>False where this device or these operands have none, and nothing was done.</returns>
    private bool FastAttention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, PackedAttentionOptions options)
    {
        if (_fastAttention is null
            || !TensorCoreAttention.Takes(options.Queries, options.HeadSize, Address(q) | Address(k) | Address(v) | Address(y)))
            return false;
        using var current = _accelerator.BindScoped();
        Launch(name: nameof(TensorCoreAttention));
        _fastAttention.Attend(((CudaStream)_queue).StreamPtr, Address(q), Address(k), Address(v), Address(y), batch, options);
        return true;
    }

    /// <summary>The same over cached keys, where some sequence has many rows.</summary>
    private bool FastAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y)
    {
        (Tensor keys, Tensor values) = (blocks.Keys(layer), blocks.Values(layer));
        if (_fastAttention is null || !CachedAttentionText.Types.Contains(keys.DType))
            return false;
        int most = TensorCoreAttention.MostRows(_checks.Step);
        var at = new CachedAttentionOperands(
            Address(q),
            Address(y),
            Address(keys),
            Address(values),
            Address(blocks.KeyBias),
            Address(Section(StepTable.Section.RowStarts)),
            Address(Section(StepTable.Section.KeyCounts)),
            Address(Section(StepTable.Section.BlockStarts)),
            Address(Section(StepTable.Section.Blocks)));
        if (!TensorCoreAttention.Takes(most, blocks.HeadSize, at.Q | at.Y | at.Keys | at.Values))
            return false;
        using var current = _accelerator.BindScoped();
        Launch(AttendedBytes(blocks), "TensorCoreCachedAttention");
        _fastAttention.Attend(((CudaStream)_queue).StreamPtr, at, keys.DType, most, _checks.Step.SequenceCount, blocks.Heads, blocks.HeadSize, scale);
        return true;
    }

    /// <summary>Keys and values of the step's sequences in one layer.</summary>
    private long AttendedBytes(KeyValueBlocks blocks)
    {
        long keys = 0;
        foreach (int count in _checks.Step.KeyCounts)
            keys += count;
        return 2 * keys * blocks.BlockBytes / KeyValueBlocks.BlockSize;
    }

    /// <summary>Whether a tensor may be read 128 bits at a time.</summary>
    private static bool IsAligned(Tensor tensor) => tensor.ByteOffset % (TiledAttentionKernels.Wide * sizeof(float)) == 0;
}
