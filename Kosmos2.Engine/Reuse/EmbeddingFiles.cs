using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine;

/// <summary>
/// Encoded pictures as safetensors files, one a picture, in a folder that several programs may share. A file's name is a hash of the picture and of
/// all that its embeddings depend on: weights, configuration, device, this engine's build. What a file holds is checked before it is used; a file that
/// is damaged, cut short or something else is passed over and written anew. Nothing is ever deleted: the folder can be emptied at any time.
/// </summary>
internal sealed class EmbeddingFiles
{
    private const string TensorName = "image_embeds";
    private const string Digest = "sha256";
    private const int MaxHeader = 1 << 16;
    private const int SampledBytes = 1 << 12;

    private readonly string _folder;
    private readonly int _latents;
    private readonly Lazy<byte[]> _identity;

    /// <summary>Opens the folder and makes it if need be.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="model">The model.</param>
    /// <param name="precision">What the weights were turned into, and how products are computed.</param>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be made.</exception>
    public EmbeddingFiles(string folder, Kosmos2Model model, string precision)
    {
        _folder = Directory.CreateDirectory(folder).FullName;
        _latents = model.Config.LatentQueryNum;
        _identity = new Lazy<byte[]>(() => IdentityOf(model, precision));
    }

    /// <summary>A picture's embeddings; null when there is no usable file.</summary>
    /// <param name="key">The picture.</param>
    /// <param name="size">How many numbers they must be.</param>
    public float[]? Read(string key, int size)
    {
        string path = PathOf(key);
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > MaxHeader + ((long)size * sizeof(float)))
                return null;
            using SafetensorsFile file = SafetensorsFile.Open(path);
            if (!file.TryGet(TensorName, out Tensor? tensor) || tensor.DType != DType.F32 || !tensor.Shape.Equals(ShapeOf(size)))
                return null;
            var rows = new float[size];
            Bytes(tensor, 0, size * sizeof(float)).CopyTo(MemoryMarshal.AsBytes(rows.AsSpan()));
            return file.Metadata.TryGetValue(Digest, out string? digest) && digest == DigestOf(rows) ? rows : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or Kosmos2FormatException)
        {
            return null;
        }
    }

    /// <summary>Writes a picture's embeddings. The file is whole or not there; that it cannot be written is no error, for it would only have saved time.</summary>
    public void Write(string key, float[] rows)
    {
        try
        {
            using var writer = new SafetensorsWriter(
                PathOf(key), [(TensorName, DType.F32, ShapeOf(rows.Length))], new Dictionary<string, string> { [Digest] = DigestOf(rows) });
            writer.Write<float>(TensorName, 0, rows);
            writer.Complete();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static string DigestOf(float[] rows) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(rows)));

    // A mapped tensor's bytes, which need not be aligned.
    private static ReadOnlySpan<byte> Bytes(Tensor tensor, long start, int length) =>
        new Tensor(tensor.Storage, DType.I8, new Shape(length), tensor.ByteOffset + start).AsSpan<byte>();

    private Shape ShapeOf(int size) => new(_latents, size / _latents);

    private string PathOf(string key) =>
        Path.Combine(_folder, $"{Convert.ToHexStringLower(SHA256.HashData([.. _identity.Value, .. Encoding.ASCII.GetBytes(key)]))}.safetensors");

    // Names, shapes and samples of the tensors of the encoder and the resampler: hashing gigabytes would take longer than encoding a picture, and
    // no training leaves a tensor's beginning, middle and end as they were.
    private static byte[] IdentityOf(Kosmos2Model model, string precision)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Type type in (ReadOnlySpan<Type>)[typeof(Kosmos2Engine), typeof(IBackend), typeof(WeightFormat)])
            Append($"{type.Module.ModuleVersionId}");
        Append($"{model.Backend.Description} {precision}");
        hash.AppendData(File.ReadAllBytes(Path.Combine(model.Checkpoint.Folder, "config.json")));
        foreach (string name in model.Checkpoint.Names.Where(name => !name.StartsWith("text_model.", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            Tensor tensor = model.Checkpoint[name];
            long length = tensor.ByteLength;
            Append(string.Create(CultureInfo.InvariantCulture, $"{name} {tensor.DType} {tensor.Shape}"));
            foreach (long start in (ReadOnlySpan<long>)[0, (length - SampledBytes) / 2, length - SampledBytes])
                hash.AppendData(Bytes(tensor, Math.Max(0, start), (int)Math.Min(SampledBytes, length)));
        }
        return hash.GetHashAndReset();

        void Append(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text + '\n'));
    }
}
