using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine;

/// <summary>
/// Pictures that have been through the encoder, by their content: in host memory up to a budget, and in files if a folder is given. A picture
/// is encoded when neither has it.
/// </summary>
/// <param name="model">The model that encodes.</param>
/// <param name="budget">Bytes of embeddings kept in memory.</param>
/// <param name="files">The files, or null.</param>
internal sealed class EncodedPictures(Kosmos2Model model, long budget, EmbeddingFiles? files)
{
    private readonly LeastRecentlyUsed<string, float[]> _rows = new(budget, rows => rows.LongLength * sizeof(float));

    /// <summary>The content of one preprocessed picture, as 64 hexadecimal digits: SHA-256 of its size and values.</summary>
    public static string KeyOf(PixelValues pixels)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<int>([pixels.Images, pixels.Height, pixels.Width]));
        hash.AppendData(MemoryMarshal.AsBytes<float>(pixels.Values));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The embeddings of pictures, one after another; those that are nowhere kept are encoded in one pass.</summary>
    /// <param name="keys">The pictures' keys, each once.</param>
    /// <param name="pixels">The pixels of a key.</param>
    /// <returns>[keys * latent_query_num, embed_dim].</returns>
    /// <exception cref="ArgumentException">Pictures that are encoded together have different sizes, or one that the model cannot take.</exception>
    public float[] Rows(IReadOnlyList<string> keys, Func<string, PixelValues> pixels)
    {
        int size = model.Config.LatentQueryNum * model.Config.TextConfig.EmbedDim;
        var all = new float[checked(keys.Count * size)];
        List<int> missing = [];
        for (int i = 0; i < keys.Count; i++)
        {
            if (Find(keys[i], size) is { } rows)
                rows.CopyTo(all.AsSpan(i * size));
            else
                missing.Add(i);
        }
        if (missing.Count == 0)
            return all;
        float[] encoded = Encode([.. missing.Select(i => pixels(keys[i]))]);
        for (int i = 0; i < missing.Count; i++)
        {
            float[] rows = encoded[(i * size)..((i + 1) * size)];
            rows.CopyTo(all.AsSpan(missing[i] * size));
            files?.Write(keys[missing[i]], rows);
            _rows.Add(keys[missing[i]], rows);
        }
        return all;
    }

    private float[]? Find(string key, int size)
    {
        if (_rows.TryGet(key, out float[]? rows))
            return rows;
        rows = files?.Read(key, size);
        if (rows is not null)
            _rows.Add(key, rows);
        return rows;
    }

    private float[] Encode(PixelValues[] pictures)
    {
        (int height, int width) = (pictures[0].Height, pictures[0].Width);
        if (pictures.Any(p => p.Height != height || p.Width != width))
            throw new ArgumentException("the pictures of a batch have different sizes after preprocessing");
        float[] values = pictures.Length == 1 ? pictures[0].Values : [.. pictures.SelectMany(p => p.Values)];
        using ImageEmbeddings images = model.EncodeImages(values, pictures.Length, height, width);
        return images.ToArray();
    }
}
