namespace Kosmos2.Kernels.Reference;

/// <summary>
/// With pixels [batch, channels, height, width] and P = patch size, y [batch, 1 + patches, hidden]:
/// y[b, 0, h] = class token[h] + positions[0, h];
/// y[b, 1 + p, h] = sum over c, i, j of pixels[b, c, (p / across) P + i, (p % across) P + j] W[h, (c P + i) P + j] + positions[1 + p, h].
/// </summary>
internal static class ReferencePatchEmbed
{
    public static void Run(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        int size = embedding.PatchSize;
        int patches = embedding.Positions.Rows - 1;
        int hidden = y.Width;
        for (int b = 0; b < pixels.Shape[0]; b++)
        {
            int first = b * (1 + patches);
            for (int h = 0; h < hidden; h++)
                y.Row(first)[h] = (float)((double)embedding.ClassToken.AsSpan<float>()[h] + embedding.Positions.Row(0)[h]);
        }

        var weights = new double[embedding.Patch.Shape.Width];
        for (int h = 0; h < hidden; h++)
        {
            ((ReferenceWeight)embedding.Patch).ReadRow(h, weights);
            for (int b = 0; b < pixels.Shape[0]; b++)
            {
                for (int p = 0; p < patches; p++)
                {
                    double sum = Product(pixels, b, p, size, weights) + embedding.Positions.Row(1 + p)[h];
                    y.Row((b * (1 + patches)) + 1 + p)[h] = (float)sum;
                }
            }
        }
    }

    private static double Product(Tensor pixels, int b, int p, int size, double[] weights)
    {
        int channels = (int)pixels.Shape[1];
        int height = (int)pixels.Shape[2];
        int across = pixels.Width / size;
        double sum = 0;
        for (int c = 0; c < channels; c++)
        {
            for (int i = 0; i < size; i++)
            {
                ReadOnlySpan<float> line = pixels.Row((((b * channels) + c) * height) + (p / across * size) + i);
                for (int j = 0; j < size; j++)
                    sum += line[(p % across * size) + j] * weights[(((c * size) + i) * size) + j];
            }
        }
        return sum;
    }
}
