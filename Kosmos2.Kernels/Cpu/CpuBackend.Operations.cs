using Kosmos2.Kernels.Cpu.Linear;
using static Kosmos2.Kernels.Cpu.TensorPointers;

namespace Kosmos2.Kernels.Cpu;

/// <content>The operations, in the order of <see cref="IBackend"/>: each checks its operands and hands them on.</content>
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null)
    {
        _checks.Linear(x, layer, y, activation, residual, norm);
        var operands = new LinearOperands(layer, Floats(y), activation, residual is null ? null : Floats(residual));
        _kernels.Linear(x, new ReadOnlySpan<LinearOperands>(in operands), norm);
        (layer.Weight as PackedWeight)?.ReleaseSource();
    }

    /// <inheritdoc/>
    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null)
    {
        _checks.LinearGroup(x, layers, y, norm);
        if (layers.Length > MostThreads)
            throw new ArgumentException($"{layers.Length} layers in a group; expected at most {MostThreads}", nameof(layers));
        Span<LinearOperands> operands = stackalloc LinearOperands[layers.Length];
        for (int i = 0; i < layers.Length; i++)
            operands[i] = new LinearOperands(layers[i], Floats(y[i]));
        _kernels.Linear(x, operands, norm);
        foreach (LinearParameters layer in layers)
            (layer.Weight as PackedWeight)?.ReleaseSource();
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y)
    {
        _checks.LayerNorm(x, norm, y);
        _kernels.LayerNorm(x, norm, y);
    }

    /// <inheritdoc/>
    public void L2Normalize(Tensor x, Tensor y)
    {
        _checks.L2Normalize(x, y);
        _kernels.L2Normalize(x, y);
    }

    /// <inheritdoc/>
    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        _checks.PatchEmbed(pixels, embedding, y);
        _kernels.PatchEmbed(pixels, embedding, y);
        (embedding.Patch as PackedWeight)?.ReleaseSource();
    }

    /// <inheritdoc/>
    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        _checks.EmbedRows(embeddings, given, positions, y);
        _kernels.EmbedRows(_checks.Step, (CpuWeight)embeddings, given, scale, positions, y);
    }

    /// <inheritdoc/>
    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null)
    {
        _checks.Attention(q, k, v, y, batch, heads, probabilities);
        _kernels.Attention(q, k, v, y, batch, heads, scale, probabilities);
    }

    /// <inheritdoc/>
    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        _checks.AppendKeyValues(k, v, blocks, layer);
        StepTable step = _checks.Step;
        _kernels.AppendKeyValues(step, k, v, blocks, layer);
        if (layer != 0)
            return;
        float* bias = Floats(blocks.KeyBias);
        for (int row = 0; row < step.RowCount; row++)
            bias[step.Slots[row]] = step.KeyVisible[row] != 0 ? 0 : KeyValueBlocks.HiddenBias;
    }

    /// <inheritdoc/>
    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null)
    {
        _checks.CachedAttention(q, blocks, layer, y, probabilities);
        _kernels.CachedAttention(_checks.Step, q, blocks, layer, scale, y, probabilities);
    }

    /// <inheritdoc/>
    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs)
    {
        _checks.CopyBlocks(blocks, pairs);
        foreach ((int source, int destination) in pairs)
        {
            for (int layer = 0; layer < blocks.Layers; layer++)
            {
                Block(blocks.Keys(layer), source, blocks).CopyTo(Block(blocks.Keys(layer), destination, blocks));
                Block(blocks.Values(layer), source, blocks).CopyTo(Block(blocks.Values(layer), destination, blocks));
            }
            Block(blocks.KeyBias, source, blocks).CopyTo(Block(blocks.KeyBias, destination, blocks));
        }
    }

    /// <inheritdoc/>
    public void Copy(Tensor source, Tensor destination)
    {
        _checks.Copy(source, destination);
        Buffer.MemoryCopy(source.HostPointer, destination.HostPointer, destination.ByteLength, source.ByteLength);
    }

    /// <inheritdoc/>
    public void GatherOutputRows(Tensor x, Tensor y)
    {
        _checks.GatherOutputRows(x, y);
        ReadOnlySpan<int> rows = _checks.Step.OutputRows;
        for (int i = 0; i < rows.Length; i++)
            new ReadOnlySpan<float>(Floats(x) + ((nint)rows[i] * x.Width), x.Width).CopyTo(new Span<float>(Floats(y) + ((nint)i * x.Width), x.Width));
    }

    /// <inheritdoc/>
    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes = null)
    {
        _checks.SelectTokens(logits, results, classes);
        _kernels.SelectTokens(_checks.Step, logits, results, classes);
    }

    private static Span<byte> Block(Tensor tensor, int block, KeyValueBlocks blocks)
    {
        long length = tensor.ByteLength / blocks.Capacity;
        return new Span<byte>(tensor.HostPointer + (block * length), checked((int)length));
    }
}
