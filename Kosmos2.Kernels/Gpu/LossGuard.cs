namespace Kosmos2.Kernels.Gpu;

/// <summary>
/// Stands before a device's backend and watches for its loss: the driver's error becomes a <see cref="DeviceLostException"/>, and the device is not asked again.
/// The errors of a queue show in whichever call comes next, so all of them are watched. One that says that memory, which OpenCL gives to a buffer at its first
/// use, is not there becomes a <see cref="DeviceMemoryException"/>.
/// </summary>
/// <param name="inner">Does the work; disposed with this one.</param>
internal sealed class LossGuard(IBackend inner) : IBackend
{
    private DeviceLostException? _lost;

    public string Description => inner.Description;

    public bool KeysByElement => inner.KeysByElement;

    public long? FreeBytes
    {
        get
        {
            try { return Device.FreeBytes; }
            catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
        }
    }

    /// <summary>The device, if it is there.</summary>
    private IBackend Device => _lost is null ? inner : throw new DeviceLostException(_lost.Message, _lost);

    public Tensor Allocate(DType type, params ReadOnlySpan<long> extents)
    {
        try { return Device.Allocate(type, extents); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public Tensor AllocateUnrecorded(DType type, params ReadOnlySpan<long> extents)
    {
        try { return Device.AllocateUnrecorded(type, extents); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public PreparedWeight Prepare(Tensor weight)
    {
        try { return Device.Prepare(weight); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public PreparedWeight Prepare(QuantizedMatrix weight)
    {
        try { return Device.Prepare(weight); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged
    {
        try { Device.Upload(source, destination); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged
    {
        try { Device.Download(source, destination); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    /// <summary>A lost device leaves nothing to wait for. Who frees memory waits first and must get through: the loss shows in the next call that wants more.</summary>
    public void Synchronize()
    {
        try { if (_lost is null) inner.Synchronize(); }
        catch (Exception e) when (DeviceLoss.Is(e)) { _ = Failure(e); }
        catch (Exception e) when (DeviceMemory.IsFull(e)) { throw Failure(e); }
    }

    public void BeginStep(StepTable table)
    {
        try { Device.BeginStep(table); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public bool TryRepeat(in StepSignature step)
    {
        try { return Device.TryRepeat(step); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public bool EndStep()
    {
        try { return Device.EndStep(); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null)
    {
        try { Device.Linear(x, layer, y, activation, residual, norm); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null)
    {
        try { Device.LinearGroup(x, layers, y, norm); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y)
    {
        try { Device.LayerNorm(x, norm, y); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void L2Normalize(Tensor x, Tensor y)
    {
        try { Device.L2Normalize(x, y); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        try { Device.PatchEmbed(pixels, embedding, y); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        try { Device.EmbedRows(embeddings, given, scale, positions, y); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null)
    {
        try { Device.Attention(q, k, v, y, batch, heads, scale, probabilities); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        try { Device.AppendKeyValues(k, v, blocks, layer); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null)
    {
        try { Device.CachedAttention(q, blocks, layer, scale, y, probabilities); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs)
    {
        try { Device.CopyBlocks(blocks, pairs); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void Copy(Tensor source, Tensor destination)
    {
        try { Device.Copy(source, destination); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void GatherOutputRows(Tensor x, Tensor y)
    {
        try { Device.GatherOutputRows(x, y); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes = null)
    {
        try { Device.SelectTokens(logits, results, classes); }
        catch (Exception e) when (IsFailure(e)) { throw Failure(e); }
    }

    public void Dispose() => DeviceLoss.Forgive(inner.Dispose);

    private static bool IsFailure(Exception exception) => DeviceLoss.Is(exception) || DeviceMemory.IsFull(exception);

    /// <summary>What is thrown for a driver's error. A loss is remembered; a device that had no room goes on.</summary>
    private Exception Failure(Exception cause)
    {
        string code = DeviceLoss.CodeOf(cause);
        if (!DeviceLoss.Is(cause))
        {
            return new DeviceMemoryException(
                $"{Description} has no room for what it was asked to do ({code}); fewer sequences and smaller weights take less (--format bf16, int8 or int4)", cause);
        }
        _lost = new DeviceLostException($"{Description} was lost ({code}); what it held is gone, and it must be opened again", cause);
        return _lost;
    }
}
