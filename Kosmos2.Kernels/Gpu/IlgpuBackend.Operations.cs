using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Kernels.Gpu;

/// <summary>The model's operations: each checks its operands, then launches its kernels.</summary>
internal sealed partial class IlgpuBackend
{
    // Fewer rows leave most of a tile empty; reading W once a row costs less.
    private const int TiledRows = 8;

    /// <inheritdoc/>
    public void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null)
    {
        _checks.Linear(x, layer, y, activation, residual, norm);
        if (y.Shape.ElementCount == 0)
            return;
        if (x.Rows < TiledRows && !IsForTensorCores(x.Rows, layer))
        {
            FewRows(x, layer, y, activation, residual, norm);
            return;
        }
        bool rounded = NormaliseToRounded(x, norm, [layer]);
        Linear(rounded ? x.Floats() : Normalised(x, norm), x.Rows, layer, y, activation, residual, isRounded: rounded);
    }

    /// <inheritdoc/>
    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null)
    {
        _checks.LinearGroup(x, layers, y, norm);
        if (x.Shape.ElementCount == 0)
            return;
        if (x.Rows < TiledRows && !IsForTensorCores(x.Rows, layers[0]))
        {
            FewRows(x, layers, y, norm);
            return;
        }
        bool rounded = NormaliseToRounded(x, norm, layers);
        ArrayView<float> input = rounded ? x.Floats() : Normalised(x, norm);
        if (WrittenLinear(input, x.Rows, layers, y, Activation.Identity, null, rounded))
            return;
        // Where a layer alone may have a kernel of our own text, it gets it.
        if (_exactProducts is null && AreThreeOfOneType(layers))
        {
            For(layers[0].Weight).ThreeTiled(
                Launch(Label(x.Rows, layers, nameof(TiledLinearKernels.ThreeTiled)), Bytes(layers)), TiledGroups(MostOutputs(layers), x.Rows, layers.Length), input, layers, y,
                new LinearOptions(x.Rows, x.Width, (int)Activation.Identity, 0));
            return;
        }
        for (int i = 0; i < layers.Length; i++)
            Linear(input, x.Rows, layers[i], y[i], Activation.Identity, null, isRounded: rounded || i > 0);
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y)
    {
        _checks.LayerNorm(x, norm, y);
        if (x.Shape.ElementCount > 0)
            LayerNorm(x, norm, new FloatResult(y.Floats()));
    }

    /// <inheritdoc/>
    public void L2Normalize(Tensor x, Tensor y)
    {
        _checks.L2Normalize(x, y);
        if (x.Shape.ElementCount > 0)
            _launch.L2Normalize(Launch(), RowGroups(x), x.Floats(), y.Floats(), x.Width);
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
        _launch.Unfold(Launch(name: nameof(EmbeddingKernels.Unfold)), count, pixels.Floats(), unfolded, options);
        _launch.PatchPositions(
            Launch(name: nameof(EmbeddingKernels.PatchPositions)), rows * y.Width, embedding.ClassToken.Floats(), embedding.Positions.Floats(), y.Floats(), embedding.Positions.Rows, y.Width);
        Linear(unfolded, rows, new LinearParameters(embedding.Patch, null), y, Activation.Identity, residual: y);
    }

    /// <inheritdoc/>
    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        _checks.EmbedRows(embeddings, given, positions, y);
        if (y.Shape.ElementCount == 0)
            return;
        For(embeddings).EmbedRows(
            Launch(),
            Section(StepTable.Section.TokenIds),
            Section(StepTable.Section.GivenRows),
            Section(StepTable.Section.Positions),
            embeddings,
            given,
            positions,
            y,
            scale);
    }

    /// <inheritdoc/>
    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        _checks.AppendKeyValues(k, v, blocks, layer);
        if (k.Shape.ElementCount == 0)
            return;
        For(blocks).Append(Launch(), k, v, Sequences(), blocks, layer);
    }

    /// <inheritdoc/>
    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs)
    {
        _checks.CopyBlocks(blocks, pairs);
        if (pairs.IsEmpty)
            return;
        ReadOnlySpan<int> numbers = MemoryMarshal.Cast<(int Source, int Destination), int>(pairs);
        ArrayView<int> table = Grow(ref _pairs, numbers.Length * sizeof(int)).View<int>(0, numbers.Length);
        _counters.Uploads++;
        table.CopyFromCPU(_queue, numbers);
        for (int layer = 0; layer < blocks.Layers; layer++)
        {
            CopyBlocks(blocks.Keys(layer), table, blocks.BlockBytes);
            CopyBlocks(blocks.Values(layer), table, blocks.BlockBytes);
        }
        CopyBlocks(blocks.KeyBias, table, KeyValueBlocks.BlockSize * sizeof(float));
    }

    /// <inheritdoc/>
    public void GatherOutputRows(Tensor x, Tensor y)
    {
        _checks.GatherOutputRows(x, y);
        if (y.Shape.ElementCount > 0)
            _launch.Gather(Launch(), (int)y.Shape.ElementCount, Section(StepTable.Section.OutputRows), x.Floats(), y.Floats(), y.Width);
    }

    /// <inheritdoc/>
    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes = null)
    {
        _checks.SelectTokens(logits, results, classes);
        StepTable step = _checks.Step;
        if (step.OutputCount == 0)
            return;
        int drawn = 0;
        foreach (TokenChoice choice in step.Choices)
            drawn += choice.IsDrawn ? 1 : 0;
        bool reads = false;
        foreach (TokenRule rule in step.Rules)
            reads |= rule.Reading != TokenReading.None;
        ChoiceViews views = Choices();
        // A kernel's view must lie somewhere; where there are no classes no rule asks for them.
        var classViews = new ClassViews((classes?.Numbers ?? results).View<sbyte>(), classes?.Grid ?? default);
        KernelConfig rows = RowGroups(logits);
        if (drawn < step.OutputCount)
            _launch.Select(Launch(), rows, logits.Floats(), views, classViews, results.View<int>(), logits.Width);
        if (drawn > 0)
            Draw(logits, views, classViews, results);
        if (reads)
            _launch.Read(Launch(name: nameof(ReadingKernels.Read)), rows, logits.Floats(), views, classViews.Grid, results.View<int>(), logits.Width);
    }

    /// <summary>Tokens of the outputs that have theirs drawn.</summary>
    private void Draw(Tensor logits, ChoiceViews views, ClassViews classes, Tensor results)
    {
        long count = logits.Shape.ElementCount;
        ArrayView<ulong> entries = Grow(ref _entries, count * sizeof(ulong)).View<ulong>(0, count);
        _launch.Draw(Launch(), (logits.Rows, IlgpuDevices.GroupSize), logits.Floats(), views, classes, entries, results.View<int>(), logits.Width);
    }

    /// <summary>How the step's tokens are chosen.</summary>
    private ChoiceViews Choices() => new(
        Section(StepTable.Section.Choices),
        Section(StepTable.Section.Rules),
        Section(StepTable.Section.BanStarts),
        Section(StepTable.Section.Bans),
        Section(StepTable.Section.PenalisedStarts),
        Section(StepTable.Section.Penalised));

    private static NormViews Views(LayerNormParameters norm) => new(norm.Weight.Floats(), norm.Bias.Floats(), norm.Epsilon);

    /// <summary>A block of any format is a whole number of words.</summary>
    private void CopyBlocks(Tensor cache, ArrayView<int> pairs, int blockBytes)
    {
        int length = blockBytes / sizeof(int);
        _launch.CopyBlocks(Launch(), (int)pairs.Length / 2 * length, pairs, cache.View<int>(), length);
    }

    private SequenceViews Sequences() => new(
        Section(StepTable.Section.Slots),
        Section(StepTable.Section.KeyVisible),
        Section(StepTable.Section.RowSequences),
        Section(StepTable.Section.RowStarts),
        Section(StepTable.Section.KeyCounts),
        Section(StepTable.Section.BlockStarts),
        Section(StepTable.Section.Blocks));

    /// <summary>x as a linear layer reads it: as it is, or its normalised copy in the scratch buffer.</summary>
    private ArrayView<float> Normalised(Tensor x, LayerNormParameters? norm)
    {
        if (norm is null)
            return x.Floats();
        ArrayView<float> copy = Grow(ref _scratch, x.ByteLength).View<float>(0, x.Shape.ElementCount);
        LayerNorm(x, norm, new FloatResult(copy));
        return copy;
    }

    private void LayerNorm<TRows>(Tensor x, LayerNormParameters norm, TRows y)
        where TRows : struct, IResultRows => _launch.LayerNorm<TRows>()(Launch(), RowGroups(x), x.Floats(), Views(norm), y, x.Width);

    /// <summary>A group for each row.</summary>
    private KernelConfig RowGroups(Tensor x) => (x.Rows, _launch.RowThreads(x.Width));

    private void Linear(ArrayView<float> x, int rows, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, bool isRounded = false)
    {
        if (WrittenLinear(x, rows, [layer], [y], activation, residual, isRounded))
            return;
        For(layer.Weight).Tiled(
            Launch(Label(rows, [layer], nameof(TiledLinearKernels.Tiled)), Bytes([layer])),
            TiledGroups(layer.Outputs, rows, 1),
            x,
            layer,
            y,
            residual,
            new LinearOptions(rows, layer.Inputs, (int)activation, residual is null ? 0 : 1));
    }

    private static KernelConfig TiledGroups(int outputs, int rows, int layers) =>
        (new Index3D(LaunchGrid.Groups(outputs, TiledLinearKernels.Tile), LaunchGrid.Groups(rows, TiledLinearKernels.Tile), layers), new Index3D(IlgpuDevices.GroupSize, 1, 1));

    /// <summary>The kernels for a weight's stored type.</summary>
    private WeightLaunchers For(PreparedWeight weight) => weight.DType switch
    {
        DType.F32 => _floatWeights,
        DType.F16 => _halfWeights,
        DType.I8 => _int8Weights,
        DType.I32 => _int4Weights,
        _ => _bfloat16Weights,
    };

    /// <summary>The kernels for a cache's format.</summary>
    private CacheLaunchers For(KeyValueBlocks blocks) => blocks.Format switch
    {
        CacheFormat.Float32 => _float32Cache,
        CacheFormat.BFloat16 => _bfloat16Cache,
        _ => _int8Cache,
    };
}
