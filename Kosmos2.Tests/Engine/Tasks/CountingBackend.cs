using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine.Tasks;

/// <summary>A backend that counts what it is asked to compute.</summary>
internal sealed class CountingBackend(IBackend inner) : IBackend
{
    /// <summary>Matrix products, those of a group counted one by one.</summary>
    public int Products { get; private set; }

    /// <summary>Pictures put through the encoder.</summary>
    public int Pictures { get; private set; }

    /// <summary>Passes of the encoder.</summary>
    public int EncoderPasses { get; private set; }

    /// <summary>Rows put through the decoder.</summary>
    public int DecoderRows { get; private set; }

    /// <summary>Passes of the decoder.</summary>
    public int DecoderPasses { get; private set; }

    /// <summary>Rows of which logits were computed.</summary>
    public int LogitRows { get; private set; }

    public string Description => inner.Description;

    public void Reset() => Products = Pictures = EncoderPasses = DecoderRows = DecoderPasses = LogitRows = 0;

    public bool Supports(CacheFormat format) => inner.Supports(format);

    public Tensor Allocate(DType type, params ReadOnlySpan<long> extents) => inner.Allocate(type, extents);

    public PreparedWeight Prepare(Tensor weight) => inner.Prepare(weight);

    public PreparedWeight Prepare(QuantizedMatrix weight) => inner.Prepare(weight);

    public void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged => inner.Upload(source, destination);

    public void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged => inner.Download(source, destination);

    public void Synchronize() => inner.Synchronize();

    public void BeginStep(StepTable table)
    {
        DecoderPasses++;
        inner.BeginStep(table);
    }

    public void EndStep() => inner.EndStep();

    public void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null)
    {
        Products++;
        inner.Linear(x, layer, y, activation, residual, norm);
    }

    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null)
    {
        Products += layers.Length;
        inner.LinearGroup(x, layers, y, norm);
    }

    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y) => inner.LayerNorm(x, norm, y);

    public void L2Normalize(Tensor x, Tensor y) => inner.L2Normalize(x, y);

    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        EncoderPasses++;
        Pictures += (int)pixels.Shape[0];
        inner.PatchEmbed(pixels, embedding, y);
    }

    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        DecoderRows += y.Rows;
        inner.EmbedRows(embeddings, given, scale, positions, y);
    }

    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null) =>
        inner.Attention(q, k, v, y, batch, heads, scale, probabilities);

    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer) => inner.AppendKeyValues(k, v, blocks, layer);

    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null) =>
        inner.CachedAttention(q, blocks, layer, scale, y, probabilities);

    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs) => inner.CopyBlocks(blocks, pairs);

    public void Copy(Tensor source, Tensor destination) => inner.Copy(source, destination);

    public void GatherOutputRows(Tensor x, Tensor y)
    {
        LogitRows += y.Rows;
        inner.GatherOutputRows(x, y);
    }

    public void SelectTokens(Tensor logits, Tensor ids) => inner.SelectTokens(logits, ids);

    public void Dispose() => inner.Dispose();
}
