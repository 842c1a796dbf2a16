using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels.Gpu.Kernels;

namespace Kosmos2.Kernels.Gpu;

/// <summary>The model's operations: each checks its operands, then launches its kernels.</summary>
public sealed partial class IlgpuBackend
{
    // Below this many rows a tile would be mostly empty.
    private const int TiledRows = 4;

    /// <inheritdoc/>
    public void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null)
    {
        _checks.Linear(x, layer, y, activation, residual, norm);
        if (y.Shape.ElementCount > 0)
            Linear(Normalised(x, norm), x.Rows, layer, y, activation, residual);
    }

    /// <inheritdoc/>
    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null)
    {
        _checks.LinearGroup(x, layers, y, norm);
        if (x.Shape.ElementCount == 0)
            return;
        ArrayView<float> input = Normalised(x, norm);
        for (int i = 0; i < layers.Length; i++)
            Linear(input, x.Rows, layers[i], y[i], Activation.Identity, null, sameRows: i > 0);
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y)
    {
        _checks.LayerNorm(x, norm, y);
        if (x.Shape.ElementCount > 0)
            LayerNorm(x, norm, y.Floats());
    }

    /// <inheritdoc/>
    public void L2Normalize(Tensor x, Tensor y)
    {
        _checks.L2Normalize(x, y);
        if (x.Shape.ElementCount > 0)
            _launch.L2Normalize((x.Rows, IlgpuDevices.GroupSize), x.Floats(), y.Floats(), x.Width);
    }

    /// <inheritdoc/>
    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        _checks.PatchEmbed(pixels, embedding, y);
        int size = embedding.PatchSize;
        int rows = y.Rows;
        if (rows == 0)
            return;
        var options = new PatchOptions(
            (int)pixels.Shape[1], (int)pixels.Shape[2], pixels.Width, size, pixels.Width / size, embedding.Positions.Rows - 1);
        int count = checked(rows * embedding.Patch.Shape.Width);
        ArrayView<float> unfolded = Grow(ref _scratch, (long)count * sizeof(float)).View<float>(0, count);
        _launch.Unfold(count, pixels.Floats(), unfolded, options);
        _launch.PatchPositions(
            rows * y.Width, embedding.ClassToken.Floats(), embedding.Positions.Floats(), y.Floats(), embedding.Positions.Rows, y.Width);
        Linear(unfolded, rows, new LinearParameters(embedding.Patch, null), y, Activation.Identity, residual: y);
    }

    /// <inheritdoc/>
    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        _checks.EmbedRows(embeddings, given, positions, y);
        if (y.Shape.ElementCount == 0)
            return;
        var weight = (DeviceWeight)embeddings;
        switch (weight.DType)
        {
            case DType.F32:
                Run(_floatWeights, new FloatView(Elements<float>(weight)));
                break;
            case DType.F16:
                Run(_halfWeights, new HalfView(Elements<ushort>(weight)));
                break;
            default:
                Run(_bfloat16Weights, new BFloat16View(Elements<ushort>(weight)));
                break;
        }

        void Run<TWeight>(WeightLaunchers<TWeight> launchers, TWeight view)
            where TWeight : struct, IWeightView => launchers.EmbedRows(
                (int)y.Shape.ElementCount,
                Section(StepTable.Section.TokenIds, y.Rows),
                Section(StepTable.Section.GivenRows, y.Rows),
                Section(StepTable.Section.Positions, y.Rows),
                view,
                (given ?? positions).Floats(),
                positions.Floats(),
                y.Floats(),
                y.Width,
                scale);
    }

    /// <inheritdoc/>
    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null)
    {
        _checks.Attention(q, k, v, y, batch, heads, probabilities);
        if (y.Shape.ElementCount == 0)
            return;
        var options = new PackedAttentionOptions(
            y.Rows / batch, k.Rows / batch, heads, y.Width / heads, scale, q.Rows == y.Rows ? 0 : 1, probabilities is null ? 0 : 1);
        _launch.PackedAttention(
            (new Index3D(y.Rows, heads, 1), new Index3D(AttentionKernels.GroupSize, 1, 1)),
            q.Floats(),
            k.Floats(),
            v.Floats(),
            y.Floats(),
            (probabilities ?? y).Floats(),
            options);
    }

    /// <inheritdoc/>
    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        _checks.AppendKeyValues(k, v, blocks, layer);
        if (k.Shape.ElementCount == 0)
            return;
        ArrayView<int> slots = Section(StepTable.Section.Slots, k.Rows);
        _launch.Append(
            (int)k.Shape.ElementCount,
            slots,
            k.Floats(),
            v.Floats(),
            blocks.Keys(layer).Floats(),
            blocks.Values(layer).Floats(),
            blocks.Heads,
            blocks.HeadSize);
        if (layer == 0)
            _launch.AppendBias(k.Rows, slots, Section(StepTable.Section.KeyVisible, k.Rows), blocks.KeyBias.Floats());
    }

    /// <inheritdoc/>
    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null)
    {
        _checks.CachedAttention(q, blocks, layer, y, probabilities);
        if (y.Shape.ElementCount == 0)
            return;
        StepTable step = _checks.Step;
        var sequences = new SequenceViews(
            Section(StepTable.Section.RowSequences, step.RowCount),
            Section(StepTable.Section.RowStarts, step.SequenceCount + 1),
            Section(StepTable.Section.KeyCounts, step.SequenceCount),
            Section(StepTable.Section.BlockStarts, step.SequenceCount + 1),
            Section(StepTable.Section.Blocks, step.Blocks.Length));
        _launch.CachedAttention(
            (new Index3D(y.Rows, blocks.Heads, 1), new Index3D(AttentionKernels.GroupSize, 1, 1)),
            q.Floats(),
            blocks.Keys(layer).Floats(),
            blocks.Values(layer).Floats(),
            blocks.KeyBias.Floats(),
            sequences,
            y.Floats(),
            (probabilities ?? y).Floats(),
            new CachedAttentionOptions(blocks.Heads, blocks.HeadSize, scale, probabilities is null ? 0 : 1));
    }

    /// <inheritdoc/>
    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs)
    {
        _checks.CopyBlocks(blocks, pairs);
        if (pairs.IsEmpty)
            return;
        ReadOnlySpan<int> numbers = MemoryMarshal.Cast<(int Source, int Destination), int>(pairs);
        ArrayView<int> table = Grow(ref _pairs, numbers.Length * sizeof(int)).View<int>(0, numbers.Length);
        table.CopyFromCPU(Queue, numbers);
        int length = blocks.Heads * KeyValueBlocks.BlockSize * blocks.HeadSize;
        for (int layer = 0; layer < blocks.Layers; layer++)
        {
            _launch.CopyBlocks(pairs.Length * length, table, blocks.Keys(layer).Floats(), length);
            _launch.CopyBlocks(pairs.Length * length, table, blocks.Values(layer).Floats(), length);
        }
        _launch.CopyBlocks(pairs.Length * KeyValueBlocks.BlockSize, table, blocks.KeyBias.Floats(), KeyValueBlocks.BlockSize);
    }

    /// <inheritdoc/>
    public void GatherOutputRows(Tensor x, Tensor y)
    {
        _checks.GatherOutputRows(x, y);
        if (y.Shape.ElementCount > 0)
            _launch.Gather((int)y.Shape.ElementCount, Section(StepTable.Section.OutputRows, y.Rows), x.Floats(), y.Floats(), y.Width);
    }

    /// <inheritdoc/>
    public void SelectTokens(Tensor logits, Tensor ids)
    {
        _checks.SelectTokens(logits, ids);
        StepTable step = _checks.Step;
        if (step.OutputCount == 0)
            return;
        _launch.Select(
            (step.OutputCount, IlgpuDevices.GroupSize),
            logits.Floats(),
            Section(StepTable.Section.BanStarts, step.OutputCount + 1),
            Section(StepTable.Section.Bans, step.Bans.Length),
            ids.View<int>(),
            logits.Width);
    }

    private static ArrayView<T> Elements<T>(DeviceWeight weight)
        where T : unmanaged => weight.Storage.View<T>(0, weight.Shape.ElementCount);

    /// <summary>x as a linear layer reads it: as it is, or its normalised copy in the scratch buffer.</summary>
    private ArrayView<float> Normalised(Tensor x, LayerNormParameters? norm)
    {
        if (norm is null)
            return x.Floats();
        ArrayView<float> copy = Grow(ref _scratch, x.ByteLength).View<float>(0, x.Shape.ElementCount);
        LayerNorm(x, norm, copy);
        return copy;
    }

    private void LayerNorm(Tensor x, LayerNormParameters norm, ArrayView<float> y) => _launch.LayerNorm(
        (x.Rows, IlgpuDevices.GroupSize), x.Floats(), norm.Weight.Floats(), norm.Bias.Floats(), y, x.Width, norm.Epsilon);

    private void Linear(ArrayView<float> x, int rows, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, bool sameRows = false)
    {
        if (WrittenLinear(x, rows, layer, y, activation, residual, sameRows))
            return;
        var options = new LinearOptions(rows, layer.Inputs, layer.Outputs, (int)activation, layer.Bias is null ? 0 : 1, residual is null ? 0 : 1);
        var weight = (DeviceWeight)layer.Weight;
        // What is absent must still be some buffer.
        ArrayView<float> bias = (layer.Bias ?? y).Floats();
        ArrayView<float> added = (residual ?? y).Floats();
        switch (weight.DType)
        {
            case DType.F32:
                Linear(_floatWeights, x, new FloatView(Elements<float>(weight)), bias, added, y.Floats(), options);
                break;
            case DType.F16:
                Linear(_halfWeights, x, new HalfView(Elements<ushort>(weight)), bias, added, y.Floats(), options);
                break;
            default:
                Linear(_bfloat16Weights, x, new BFloat16View(Elements<ushort>(weight)), bias, added, y.Floats(), options);
                break;
        }
    }

    private static void Linear<TWeight>(
        WeightLaunchers<TWeight> launchers,
        ArrayView<float> x,
        TWeight weight,
        ArrayView<float> bias,
        ArrayView<float> residual,
        ArrayView<float> y,
        LinearOptions options)
        where TWeight : struct, IWeightView
    {
        if (options.Rows < TiledRows)
        {
            var groups = new Index3D(Groups(options.Outputs, LinearKernels.RowOutputs), options.Rows, 1);
            launchers.LinearRow((groups, new Index3D(IlgpuDevices.GroupSize, 1, 1)), x, weight, bias, residual, y, options);
        }
        else
        {
            var groups = new Index3D(Groups(options.Outputs, TiledLinearKernels.Tile), Groups(options.Rows, TiledLinearKernels.Tile), 1);
            launchers.LinearTiled((groups, new Index3D(IlgpuDevices.GroupSize, 1, 1)), x, weight, bias, residual, y, options);
        }
    }

    private static int Groups(int count, int size) => (count + size - 1) / size;
}
