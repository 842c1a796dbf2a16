using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>How pixels [batch, channels, height, width] fall into patches: <see cref="Across"/> in a row of patches, <see cref="Patches"/> in all.</summary>
internal readonly record struct PatchOptions(int Channels, int Height, int Width, int PatchSize, int Across, int Patches);

/// <summary>Embeddings of patches and of the step's rows: one thread for each element of the result.</summary>
internal static class EmbeddingKernels
{
    /// <summary>
    /// The pixels of each patch as a row [channels * size * size], and a row of zeros before each image's patches where the class token stands:
    /// unfolded [batch, 1 + patches, channels * size * size]. The patch embedding is then a linear layer.
    /// </summary>
    public static void Unfold(Index1D index, ArrayView<float> pixels, ArrayView<float> unfolded, PatchOptions options)
    {
        int size = options.PatchSize;
        int width = options.Channels * size * size;
        int row = index / width;
        int element = index % width;
        int batch = row / (1 + options.Patches);
        int patch = (row % (1 + options.Patches)) - 1;
        float value = 0;
        if (patch >= 0)
        {
            int channel = element / (size * size);
            int line = (patch / options.Across * size) + (element / size % size);
            int column = (patch % options.Across * size) + (element % size);
            value = pixels[(((((batch * options.Channels) + channel) * options.Height) + line) * options.Width) + column];
        }
        unfolded[index] = value;
    }

    /// <summary>y[b, p, h] = positions[p, h], to which class token[h] is added for p = 0: what the patches' product is added to.</summary>
    public static void PatchPositions(Index1D index, ArrayView<float> classToken, ArrayView<float> positions, ArrayView<float> y, int rows, int hidden)
    {
        int within = index % (rows * hidden);
        float value = positions[within];
        if (within < hidden)
            value += classToken[within];
        y[index] = value;
    }

    /// <summary>y[r] = (GivenRows[r] &lt; 0 ? embeddings[TokenIds[r]] : given[GivenRows[r]]) * scale + positions[Positions[r]].</summary>
    public static void EmbedRows<TWeight>(
        Index1D index,
        ArrayView<int> tokenIds,
        ArrayView<int> givenRows,
        ArrayView<int> positionRows,
        TWeight embeddings,
        ArrayView<float> given,
        ArrayView<float> positions,
        ArrayView<float> y,
        int width,
        float scale)
        where TWeight : struct, IWeightView
    {
        int row = index / width;
        int column = index % width;
        int givenRow = givenRows[row];
        float e;
        if (givenRow < 0)
            e = embeddings.Read((tokenIds[row] * width) + column);
        else
            e = given[(givenRow * width) + column];
        y[index] = (e * scale) + positions[(positionRows[row] * width) + column];
    }
}
