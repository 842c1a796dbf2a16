using Kosmos2.Kernels.Cpu.Linear;

namespace Kosmos2.Kernels.Cpu;

/// <summary>The operations that depend on the vector width, behind one virtual call each. Operands are checked before they come here.</summary>
internal abstract class CpuKernels
{
    /// <summary>The panels of a format's kernels.</summary>
    public abstract PanelLayout LayoutOf(ProductFormat format);

    public abstract void Linear(Tensor x, ReadOnlySpan<LinearOperands> layers, LayerNormParameters? norm);

    public abstract void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y);

    public abstract void L2Normalize(Tensor x, Tensor y);

    public abstract void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y);

    public abstract void EmbedRows(StepTable step, CpuWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y);

    public abstract void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities);

    public abstract void AppendKeyValues(StepTable step, Tensor k, Tensor v, KeyValueBlocks blocks, int layer);

    public abstract void CachedAttention(StepTable step, Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities);

    public abstract void SelectTokens(StepTable step, Tensor logits, Tensor results, TokenClasses? classes);
}
