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
        Keep(x, layer, y, residual, norm);
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
        Keep(x, norm);
        foreach (Tensor output in y)
            Keep(output);
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y)
    {
        _checks.LayerNorm(x, norm, y);
        _kernels.LayerNorm(x, norm, y);
        Keep(x, norm, y);
    }

    /// <inheritdoc/>
    public void L2Normalize(Tensor x, Tensor y)
    {
        _checks.L2Normalize(x, y);
        _kernels.L2Normalize(x, y);
        Keep(x, y);
    }

    /// <inheritdoc/>
    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        _checks.PatchEmbed(pixels, embedding, y);
        _kernels.PatchEmbed(pixels, embedding, y);
        (embedding.Patch as PackedWeight)?.ReleaseSource();
        Keep(pixels, embedding, y);
    }

    /// <inheritdoc/>
    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        _checks.EmbedRows(embeddings, given, positions, y);
        _kernels.EmbedRows(_checks.Step, (CpuWeight)embeddings, given, scale, positions, y);
        Keep(embeddings, given, positions, y);
    }

    /// <inheritdoc/>
    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null)
    {
        _checks.Attention(q, k, v, y, batch, heads, probabilities);
        _kernels.Attention(q, k, v, y, batch, heads, scale, probabilities);
        Keep(q, k, v, y, probabilities);
    }

    /// <inheritdoc/>
    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        _checks.AppendKeyValues(k, v, blocks, layer);
        StepTable step = _checks.Step;
        _kernels.AppendKeyValues(step, k, v, blocks, layer);
        float* bias = Floats(blocks.KeyBias);
        for (int row = 0; layer == 0 && row < step.RowCount; row++)
            bias[step.Slots[row]] = step.KeyVisible[row] != 0 ? 0 : KeyValueBlocks.HiddenBias;
        Keep(k, v, blocks);
    }

    /// <inheritdoc/>
    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null)
    {
        _checks.CachedAttention(q, blocks, layer, y, probabilities);
        _kernels.CachedAttention(_checks.Step, q, blocks, layer, scale, y, probabilities);
        Keep(q, blocks, y, probabilities);
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
        Buffer.MemoryCopy(source.HostPointer, destination.HostPointer, destination.ByteLength, source.ByteLength);
        Keep(source, destination);
    }

    /// <inheritdoc/>
    public void GatherOutputRows(Tensor x, Tensor y)
    {
        _checks.GatherOutputRows(x, y);
        ReadOnlySpan<int> rows = _checks.Step.OutputRows;
        for (int i = 0; i < rows.Length; i++)
            new ReadOnlySpan<float>(Floats(x) + ((nint)rows[i] * x.Width), x.Width).CopyTo(new Span<float>(Floats(y) + ((nint)i * x.Width), x.Width));
        Keep(x, y);
    }

    /// <inheritdoc/>
    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes = null)
    {
        _checks.SelectTokens(logits, results, classes);
        _kernels.SelectTokens(_checks.Step, logits, results, classes);
        Keep(logits, results, classes);
    }

    // The collector must not finalize what workers hold only addresses of: the operands, and this backend's working memory and code.
    private void Keep(object? a, object? b = null, object? c = null, object? d = null, object? e = null)
    {
        GC.KeepAlive(this);
        GC.KeepAlive(a);
        GC.KeepAlive(b);
        GC.KeepAlive(c);
        GC.KeepAlive(d);
        GC.KeepAlive(e);
    }
}
