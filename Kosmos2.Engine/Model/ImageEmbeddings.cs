using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>
/// Encoded images on the model's device: rows in the decoder's width that take the place of token embeddings (Hugging Face's image_embeds).
/// Made by <see cref="Kosmos2Model.EncodeImages"/> or <see cref="Kosmos2Model.UploadEmbeddings"/>; dispose before the model.
/// </summary>
public sealed class ImageEmbeddings : IDisposable
{
    private readonly IBackend _backend;

    internal ImageEmbeddings(IBackend backend, Tensor rows)
    {
        _backend = backend;
        Tensor = rows;
    }

    /// <summary>Number of rows: images times latent queries.</summary>
    public int Rows => Tensor.Rows;

    /// <summary>Length of a row.</summary>
    public int Width => Tensor.Width;

    /// <summary>[rows, width] on the device.</summary>
    internal Tensor Tensor { get; }

    /// <summary>[rows, width] copied to the host.</summary>
    public float[] ToArray()
    {
        var values = new float[checked(Rows * Width)];
        _backend.Download<float>(Tensor, values);
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => Tensor.Dispose();
}
