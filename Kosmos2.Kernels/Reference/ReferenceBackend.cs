namespace Kosmos2.Kernels.Reference;

/// <summary>
/// The oracle: one scalar version of each operation, in double precision, in host memory, on one thread, written to be obviously right.
/// Every kernel of every other backend is tested against it. It runs whole models too, slowly.
/// </summary>
/// <remarks>Tensors are F32; each result is rounded once, when it is stored.</remarks>
public sealed class ReferenceBackend : IBackend
{
    private readonly OperandChecks _checks = new("reference", tensor => tensor.IsHost, weight => weight is ReferenceWeight, keysByElement: false);

    /// <inheritdoc/>
    public string Description => "reference (double precision, 1 thread)";

    /// <inheritdoc/>
    public Tensor Allocate(DType type, params ReadOnlySpan<long> extents) => Tensor.OnHost(type, extents);

    /// <inheritdoc/>
    public PreparedWeight Prepare(Tensor weight)
    {
        OperandChecks.Prepare(weight);
        return new ReferenceFloatWeight(weight);
    }

    /// <inheritdoc/>
    public PreparedWeight Prepare(QuantizedMatrix weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        return new ReferenceQuantizedWeight(weight);
    }

    /// <inheritdoc/>
    public void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged
    {
        _checks.Transfer<T>(destination, source.Length);
        source.CopyTo(destination.HostBytes<T>());
    }

    /// <inheritdoc/>
    public void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged
    {
        _checks.Transfer<T>(source, destination.Length);
        source.HostBytes<T>().CopyTo(destination);
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
    }

    /// <inheritdoc/>
    public void BeginStep(StepTable table) => _checks.BeginStep(table);

    /// <inheritdoc/>
    public bool EndStep() => true;

    /// <inheritdoc/>
    public void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null)
    {
        _checks.Linear(x, layer, y, activation, residual, norm);
        ReferenceLinear.Run(x, layer, y, activation, residual, norm);
    }

    /// <inheritdoc/>
    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null)
    {
        _checks.LinearGroup(x, layers, y, norm);
        for (int i = 0; i < layers.Length; i++)
            ReferenceLinear.Run(x, layers[i], y[i], Activation.Identity, null, norm);
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y)
    {
        _checks.LayerNorm(x, norm, y);
        ReferenceLayerNorm.Run(x, norm, y);
    }

    /// <inheritdoc/>
    public void L2Normalize(Tensor x, Tensor y)
    {
        _checks.L2Normalize(x, y);
        ReferenceL2Normalize.Run(x, y);
    }

    /// <inheritdoc/>
    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        _checks.PatchEmbed(pixels, embedding, y);
        ReferencePatchEmbed.Run(pixels, embedding, y);
    }

    /// <inheritdoc/>
    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        _checks.EmbedRows(embeddings, given, positions, y);
        ReferenceEmbedRows.Run(_checks.Step, (ReferenceWeight)embeddings, given, scale, positions, y);
    }

    /// <inheritdoc/>
    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null)
    {
        _checks.Attention(q, k, v, y, batch, heads, probabilities);
        ReferenceAttention.Run(q, k, v, y, batch, heads, scale, probabilities);
    }

    /// <inheritdoc/>
    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        _checks.AppendKeyValues(k, v, blocks, layer);
        ReferenceAppendKeyValues.Run(_checks.Step, k, v, blocks, layer);
    }

    /// <inheritdoc/>
    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null)
    {
        _checks.CachedAttention(q, blocks, layer, y, probabilities);
        ReferenceCachedAttention.Run(_checks.Step, q, blocks, layer, scale, y, probabilities);
    }

    /// <inheritdoc/>
    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs)
    {
        _checks.CopyBlocks(blocks, pairs);
        foreach ((int source, int destination) in pairs)
            blocks.CopyOnHost(source, destination);
    }

    /// <inheritdoc/>
    public void Copy(Tensor source, Tensor destination)
    {
        _checks.Copy(source, destination);
        source.HostBytes<byte>().CopyTo(destination.HostBytes<byte>());
    }

    /// <inheritdoc/>
    public void GatherOutputRows(Tensor x, Tensor y)
    {
        _checks.GatherOutputRows(x, y);
        for (int i = 0; i < _checks.Step.OutputCount; i++)
            x.Row(_checks.Step.OutputRows[i]).CopyTo(y.Row(i));
    }

    /// <inheritdoc/>
    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes = null)
    {
        _checks.SelectTokens(logits, results, classes);
        ReferenceSelectTokens.Run(_checks.Step, logits, results.AsSpan<int>(), classes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
