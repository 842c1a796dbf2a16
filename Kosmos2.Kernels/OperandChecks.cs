using System.Runtime.CompilerServices;
using static Kosmos2.Kernels.OperandRules;

namespace Kosmos2.Kernels;

/// <summary>
/// What every backend requires of its operands, written once: element types, shapes, place, overlap, and the step table's numbers against
/// the tensors they index. Kernels behind these checks may use raw pointers. Nothing here allocates unless it throws.
/// </summary>
/// <param name="device">The backend's name in messages.</param>
/// <param name="holds">Whether the backend can compute with a tensor's storage.</param>
/// <param name="prepared">Whether the backend made a prepared weight.</param>
/// <param name="keysByElement">As <see cref="IBackend.KeysByElement"/>.</param>
internal sealed class OperandChecks(string device, Predicate<Tensor> holds, Predicate<PreparedWeight> prepared, bool keysByElement)
{
    private StepTable? _step;
    private StepBounds _bounds;

    /// <summary>The table handed over last.</summary>
    public StepTable Step => _step ?? throw new InvalidOperationException("no step has begun");

    public void BeginStep(StepTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        _step = null;
        _bounds = StepBounds.Of(table);
        _step = table;
    }

    public static void Prepare(Tensor weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Require(weight.DType is DType.F32 or DType.F16 or DType.BF16, weight, "an F32, F16 or BF16 matrix");
        Require(weight.Shape.Rank == 2, weight, "a matrix [out, in]");
        Require(weight.IsHost, weight, "host memory");
    }

    public void Transfer<T>(Tensor tensor, int count)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Here(tensor, nameof(tensor));
        SameLength(tensor, count * (long)Unsafe.SizeOf<T>());
    }

    public void Copy(Tensor source, Tensor destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        Here(source, nameof(source));
        Here(destination, nameof(destination));
        SameLength(destination, source.ByteLength);
        Apart(destination, source);
    }

    public void Linear(Tensor x, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, LayerNormParameters? norm)
    {
        Known(activation);
        Layer(x, layer, y, norm);
        if (residual is null)
            return;
        Matrix(residual, y.Rows, layer.Outputs);
        SameOrApart(y, residual);
    }

    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm)
    {
        SameCount(layers.Length, y.Length);
        for (int i = 0; i < layers.Length; i++)
        {
            Layer(x, layers[i], y[i], norm);
            for (int j = 0; j < i; j++)
                Apart(y[i], y[j]);
        }
    }

    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(norm);
        Floats(x);
        Norm(norm, x.Width);
        Matrix(y, x.Rows, x.Width);
        SameOrApart(y, x);
    }

    public void L2Normalize(Tensor x, Tensor y)
    {
        Floats(x);
        Matrix(y, x.Rows, x.Width);
        SameOrApart(y, x);
    }

    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(embedding);
        Floats(pixels);
        Require(pixels.Shape.Rank == 4, pixels, "pixels [batch, channels, height, width]");
        int size = embedding.PatchSize;
        Require(size > 0 && pixels.Shape[2] >= size && pixels.Shape[3] >= size, pixels, $"at least one patch of {size} x {size} pixels");
        Weight(embedding.Patch);
        Require(
            embedding.Patch.Shape.Width == pixels.Shape[1] * size * size, embedding.Patch.Shape, $"[hidden, {pixels.Shape[1]} * {size} * {size}]");
        int hidden = embedding.Patch.Shape.Rows;
        long rows = 1 + (pixels.Shape[2] / size * (pixels.Shape[3] / size));
        Vector(embedding.ClassToken, hidden);
        Matrix(embedding.Positions, rows, hidden);
        Matrix(y, pixels.Shape[0] * rows, hidden);
        Apart(y, pixels);
    }

    public void EmbedRows(PreparedWeight embeddings, Tensor? given, Tensor positions, Tensor y)
    {
        Weight(embeddings);
        int width = embeddings.Shape.Width;
        Floats(positions);
        Matrix(positions, positions.Rows, width);
        Matrix(y, Step.RowCount, width);
        Below(_bounds.TokenIds, embeddings.Shape.Rows, "a token id of the step", "embeddings");
        Below(_bounds.Positions, positions.Rows, "a position of the step", "rows of positions");
        Below(_bounds.GivenRows, given?.Rows ?? 0, "a given row of the step", "given rows");
        Apart(y, positions);
        if (given is null)
            return;
        Matrix(given, given.Rows, width);
        Apart(y, given);
    }

    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, Tensor? probabilities)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(heads, 1);
        Floats(q);
        Floats(k);
        Floats(v);
        Floats(y);
        Require(y.Width % heads == 0, y, $"a width that {heads} heads divide");
        Require(y.Rows % batch == 0, y, $"the same number of queries for each of {batch} entries");
        Require(k.Rows % batch == 0 && k.Rows > 0, k, $"the same number of keys, at least one, for each of {batch} entries");
        Matrix(q, q.Rows == y.Rows / batch ? q.Rows : y.Rows, y.Width);
        Matrix(k, k.Rows, y.Width);
        Matrix(v, k.Rows, y.Width);
        Apart(y, q);
        Apart(y, k);
        Apart(y, v);
        if (probabilities is null)
            return;
        Vector(probabilities, (long)y.Rows * heads * (k.Rows / batch));
        Apart(probabilities, y);
    }

    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        Cache(blocks, layer);
        Matrix(k, Step.RowCount, blocks.Heads * blocks.HeadSize);
        Matrix(v, Step.RowCount, blocks.Heads * blocks.HeadSize);
        Below(_bounds.Slots, (long)blocks.Capacity * KeyValueBlocks.BlockSize, "a slot of the step", "slots of the cache");
    }

    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, Tensor y, Tensor? probabilities)
    {
        Cache(blocks, layer);
        Matrix(q, Step.RowCount, blocks.Heads * blocks.HeadSize);
        Matrix(y, Step.RowCount, blocks.Heads * blocks.HeadSize);
        Below(_bounds.Blocks, blocks.Capacity, "a block of the step", "blocks of the cache");
        Apart(y, q);
        if (probabilities is null)
            return;
        Vector(probabilities, _bounds.QueryKeyPairs * blocks.Heads);
        Apart(probabilities, y);
    }

    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs)
    {
        Cache(blocks, 0);
        for (int i = 0; i < pairs.Length; i++)
        {
            (int source, int destination) = pairs[i];
            Inside(source, blocks.Capacity, "a source block", "blocks of the cache");
            Inside(destination, blocks.Capacity, "a destination block", "blocks of the cache");
            // The pairs may be copied in any order, or all at once.
            foreach ((int otherSource, _) in pairs)
                NotAlso(destination, otherSource, "a source as well");
            foreach ((_, int earlier) in pairs[..i])
                NotAlso(destination, earlier, "another pair's");
        }
    }

    public void GatherOutputRows(Tensor x, Tensor y)
    {
        Floats(x);
        Matrix(x, Step.RowCount, x.Width);
        Matrix(y, Step.OutputCount, x.Width);
        Apart(y, x);
    }

    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes)
    {
        Floats(logits);
        Matrix(logits, Step.OutputCount, logits.Width);
        ArgumentNullException.ThrowIfNull(results);
        Here(results, nameof(results));
        Require(results.DType == DType.I32 && results.Shape.ElementCount >= Step.OutputCount, results, $"I32 [{Step.OutputCount}] or more");
        Below(_bounds.Bans, logits.Width, "a banned token of the step", "logits in a row");
        Below(_bounds.Penalised, logits.Width, "a penalised token of the step", "logits in a row");
        Require(Step.OutputCount == 0 || logits.Width > 0, logits, "at least one logit in a row");
        long behind = results.Shape.ElementCount - Step.OutputCount;
        Below(_bounds.ProbabilityPlaces, behind, "the place of a probability", "numbers behind the ids");
        if (classes is not null)
            Classes(classes, logits.Width, behind);
        else
            Require(!_bounds.NeedsClasses, "null", "the classes of tokens that a rule of the step asks for", nameof(classes));
    }

    private void Classes(TokenClasses classes, int vocabulary, long behind)
    {
        Here(classes.Numbers, nameof(classes));
        Require(classes.Numbers.DType == DType.I8 && classes.Numbers.Shape.ElementCount == vocabulary, classes.Numbers, $"I8 [{vocabulary}]");
        TokenGrid grid = classes.Grid;
        Require(grid is { First: >= 0, Side: >= 0 } && grid.First + ((long)grid.Side * grid.Side) <= vocabulary, classes, $"a grid within {vocabulary} tokens");
        if (_bounds.GridPlaces >= 0)
            Below(_bounds.GridPlaces, behind - grid.Cells + 1, "the place of a grid's logits", "numbers behind the ids that leave room for them");
    }

    private void Layer(Tensor x, LinearParameters layer, Tensor y, LayerNormParameters? norm)
    {
        ArgumentNullException.ThrowIfNull(layer);
        Weight(layer.Weight);
        Floats(x);
        Matrix(x, x.Rows, layer.Inputs);
        Matrix(y, x.Rows, layer.Outputs);
        Apart(y, x);
        if (layer.Bias is not null)
            Vector(layer.Bias, layer.Outputs);
        if (norm is not null)
            Norm(norm, layer.Inputs);
    }

    private void Norm(LayerNormParameters norm, int width)
    {
        Vector(norm.Weight, width);
        Vector(norm.Bias, width);
    }

    private void Cache(KeyValueBlocks blocks, int layer)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        Inside(layer, blocks.Layers, "a layer", "layers of the cache");
        Here(blocks.KeyBias, nameof(blocks));
        if (blocks.KeysByElement != keysByElement)
            ThrowForeignCache(device, nameof(blocks));
    }

    private void Weight(PreparedWeight weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (!prepared(weight))
            ThrowForeignWeight(weight, device);
    }

    private void Floats(Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        Require(tensor.DType == DType.F32, tensor, "F32", name);
        Here(tensor, name);
    }

    private void Matrix(
        Tensor tensor, long rows, long width, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        Floats(tensor, name);
        if (tensor.Width != width || tensor.Rows != rows)
            ThrowShape(tensor, rows, width, name);
    }

    private void Vector(Tensor tensor, long length, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        Floats(tensor, name);
        Count(tensor, length, name);
    }

    private void Here(Tensor tensor, string name)
    {
        if (!holds(tensor))
            ThrowElsewhere(tensor, device, name);
    }
}
