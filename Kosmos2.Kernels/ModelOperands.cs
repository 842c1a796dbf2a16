namespace Kosmos2.Kernels;

/// <summary>A function applied to each element of a linear layer's output.</summary>
public enum Activation
{
    /// <summary>None.</summary>
    Identity,

    /// <summary>Exact GELU: 0.5 x (1 + erf(x / sqrt 2)).</summary>
    Gelu,

    /// <summary>CLIP's x sigmoid(1.702 x).</summary>
    QuickGelu,

    /// <summary>max(x, 0).</summary>
    Relu,
}

/// <summary>
/// A weight in the form one backend computes with: mapped as it is, packed, quantized, or uploaded. Made once by
/// <see cref="IBackend.Prepare(Tensor)"/>; disposed by whoever asked for it, before the backend.
/// </summary>
public abstract class PreparedWeight : IDisposable
{
    /// <summary>Remembers the logical form.</summary>
    protected PreparedWeight(Shape shape, DType type)
    {
        Shape = shape;
        DType = type;
    }

    /// <summary>Logical shape: [out, in] for a linear layer, [rows, width] for an embedding.</summary>
    public Shape Shape { get; }

    /// <summary>Element type as stored: I8 for a quantized weight of 8 bits, I32 for one of 4 bits, eight of which lie in a word.</summary>
    public DType DType { get; }

    /// <summary>Whether the backend still reads the matrix that the weight was made from, which must then outlive it. Not where a device has a copy.</summary>
    public virtual bool ReadsSource => true;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the backend holds for it.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>A linear layer y = x W^T + b.</summary>
/// <param name="Weight">[out, in].</param>
/// <param name="Bias">F32 [out] on the backend, or null.</param>
public sealed record LinearParameters(PreparedWeight Weight, Tensor? Bias)
{
    /// <summary>Length of an input row.</summary>
    public int Inputs => Weight.Shape.Width;

    /// <summary>Length of an output row.</summary>
    public int Outputs => Weight.Shape.Rows;
}

/// <summary>A layer normalisation: (x - mean) / sqrt(variance + epsilon) * weight + bias, biased variance.</summary>
/// <param name="Weight">F32 [width] on the backend.</param>
/// <param name="Bias">F32 [width] on the backend.</param>
/// <param name="Epsilon">Added to the variance.</param>
public sealed record LayerNormParameters(Tensor Weight, Tensor Bias, float Epsilon);

/// <summary>The vision embedding: patches through a convolution without bias, a class token before them, learned positions added.</summary>
/// <param name="Patch">The convolution as a matrix [hidden, channels * patch * patch].</param>
/// <param name="ClassToken">F32 [hidden].</param>
/// <param name="Positions">F32 [1 + patches, hidden]; row 0 is the class token's.</param>
/// <param name="PatchSize">Side of a patch in pixels.</param>
public sealed record PatchEmbeddingParameters(PreparedWeight Patch, Tensor ClassToken, Tensor Positions, int PatchSize);
