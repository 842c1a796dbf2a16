using Kosmos2.Kernels;

namespace Kosmos2.Engine.Calibration;

/// <summary>A backend that hands every call to another one; what derives from it looks at the calls it cares about.</summary>
/// <param name="inner">Does the work; disposed with this one.</param>
internal abstract class DelegatingBackend(IBackend inner) : IBackend
{
    public string Description => inner.Description;

    public virtual long? FreeBytes => inner.FreeBytes;

    public bool KeysByElement => inner.KeysByElement;

    public virtual Tensor Allocate(DType type, params ReadOnlySpan<long> extents) => inner.Allocate(type, extents);

    public virtual Tensor AllocateUnrecorded(DType type, params ReadOnlySpan<long> extents) => inner.AllocateUnrecorded(type, extents);

    public virtual PreparedWeight Prepare(Tensor weight) => inner.Prepare(weight);

    public PreparedWeight Prepare(QuantizedMatrix weight) => inner.Prepare(weight);

    public virtual void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged => inner.Upload(source, destination);

    public virtual void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged => inner.Download(source, destination);

    public virtual void Synchronize() => inner.Synchronize();

    public virtual void BeginStep(StepTable table) => inner.BeginStep(table);

    public bool EndStep() => inner.EndStep();

    public virtual void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null) =>
        inner.Linear(x, layer, y, activation, residual, norm);

    public virtual void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null) =>
        inner.LinearGroup(x, layers, y, norm);

    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y) => inner.LayerNorm(x, norm, y);

    public void L2Normalize(Tensor x, Tensor y) => inner.L2Normalize(x, y);

    public virtual void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y) => inner.PatchEmbed(pixels, embedding, y);

    public virtual void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y) =>
        inner.EmbedRows(embeddings, given, scale, positions, y);

    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null) =>
        inner.Attention(q, k, v, y, batch, heads, scale, probabilities);

    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer) => inner.AppendKeyValues(k, v, blocks, layer);

    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null) =>
        inner.CachedAttention(q, blocks, layer, scale, y, probabilities);

    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs) => inner.CopyBlocks(blocks, pairs);

    public void Copy(Tensor source, Tensor destination) => inner.Copy(source, destination);

    public virtual void GatherOutputRows(Tensor x, Tensor y) => inner.GatherOutputRows(x, y);

    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes = null) => inner.SelectTokens(logits, results, classes);

    public virtual void Dispose() => inner.Dispose();
}
