using Kosmos2.Engine.Calibration;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine.Tasks;

/// <summary>A backend that counts what it is asked to compute.</summary>
internal sealed class CountingBackend(IBackend inner) : DelegatingBackend(inner)
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

    /// <summary>Floats read back.</summary>
    public int FloatsRead { get; private set; }

    /// <summary>Times that anything was read back.</summary>
    public int Downloads { get; private set; }

    public void Reset() => Downloads = FloatsRead = Products = Pictures = EncoderPasses = DecoderRows = DecoderPasses = LogitRows = 0;

    public override void BeginStep(StepTable table)
    {
        DecoderPasses++;
        base.BeginStep(table);
    }

    public override void Download<T>(Tensor source, Span<T> destination)
    {
        Downloads++;
        FloatsRead += source.DType == DType.F32 ? destination.Length : 0;
        base.Download(source, destination);
    }

    public override void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null)
    {
        Products++;
        base.Linear(x, layer, y, activation, residual, norm);
    }

    public override void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null)
    {
        Products += layers.Length;
        base.LinearGroup(x, layers, y, norm);
    }

    public override void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        EncoderPasses++;
        Pictures += (int)pixels.Shape[0];
        base.PatchEmbed(pixels, embedding, y);
    }

    public override void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        DecoderRows += y.Rows;
        base.EmbedRows(embeddings, given, scale, positions, y);
    }

    public override void GatherOutputRows(Tensor x, Tensor y)
    {
        LogitRows += y.Rows;
        base.GatherOutputRows(x, y);
    }
}
