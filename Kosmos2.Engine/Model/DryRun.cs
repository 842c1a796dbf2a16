using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>A device that computes nothing and holds nothing: it counts the bytes that a model would take on a real one, as the model asks for them.</summary>
internal sealed class DryRun : IBackend
{
    private long _bytes;

    public string Description => "dry run";

    /// <summary>The most that was held at once.</summary>
    public long PeakBytes { get; private set; }

    public Tensor Allocate(DType type, params ReadOnlySpan<long> extents)
    {
        var shape = new Shape(extents);
        return new Tensor(new Nothing(this, checked(shape.ElementCount * type.SizeInBytes())), type, shape, 0, ownsStorage: true);
    }

    public PreparedWeight Prepare(Tensor weight) => new Weight(new Nothing(this, weight.ByteLength), weight.Shape, weight.DType);

    public PreparedWeight Prepare(QuantizedMatrix weight) => new Weight(new Nothing(this, weight.ByteLength), weight.Shape, weight.Values.DType);

    public void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged
    {
    }

    public void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged => destination.Clear();

    public void Synchronize()
    {
    }

    public void BeginStep(StepTable table)
    {
    }

    public bool EndStep() => true;

    public void Linear(Tensor x, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, LayerNormParameters? norm)
    {
    }

    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm)
    {
    }

    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y)
    {
    }

    public void L2Normalize(Tensor x, Tensor y)
    {
    }

    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
    }

    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
    }

    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities)
    {
    }

    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
    }

    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities)
    {
    }

    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs)
    {
    }

    public void Copy(Tensor source, Tensor destination)
    {
    }

    public void GatherOutputRows(Tensor x, Tensor y)
    {
    }

    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes)
    {
    }

    public void Dispose()
    {
    }

    private void Hold(long bytes)
    {
        _bytes += bytes;
        PeakBytes = Math.Max(PeakBytes, _bytes);
    }

    /// <summary>Memory that is only counted.</summary>
    private sealed class Nothing : TensorStorage
    {
        private DryRun? _holder;

        public Nothing(DryRun holder, long byteLength)
        {
            _holder = holder;
            ByteLength = byteLength;
            holder.Hold(byteLength);
        }

        public override long ByteLength { get; }

        public override unsafe byte* HostPointer => null;

        protected override void Dispose(bool disposing)
        {
            _holder?.Hold(-ByteLength);
            _holder = null;
        }
    }

    private sealed class Weight(Nothing storage, Shape shape, DType type) : PreparedWeight(shape, type)
    {
        protected override void Dispose(bool disposing)
        {
            storage.Dispose();
            base.Dispose(disposing);
        }
    }
}
