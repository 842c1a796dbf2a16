using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// Writes checkpoints of deterministic weights, of the real size or any other: for tests and benchmarks of the whole architecture without
/// a download. The rule stands in tools/reference/full_size.py; the same names and shapes give the same bits everywhere.
/// </summary>
public static class SyntheticCheckpoint
{
    /// <summary>Elements made and written at a time: 16 MB of F32.</summary>
    private const int ChunkLength = 1 << 22;

    private static readonly JsonElement Architectures = JsonSerializer.SerializeToElement<string[]>(["Kosmos2ForConditionalGeneration"]);

    /// <summary>
    /// Writes <c>model.safetensors</c> and <c>config.json</c> into a folder, which is made if need be. A model that is there is replaced, and stays
    /// as it is until all weights are written.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="config">Sizes of the model; the defaults make the real one: 6.66 GB as F32.</param>
    /// <param name="type">F32, F16 or BF16; the latter two are rounded to nearest, ties to even.</param>
    /// <param name="progress">Told the bytes of weights written so far, from several threads, or null.</param>
    /// <param name="cancellationToken">Stops the work; the unfinished file is deleted.</param>
    /// <exception cref="ArgumentException">The type is not a floating-point type for weights.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Write(
        string folder, Kosmos2Config config, DType type = DType.F32, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        if (type is not (DType.F32 or DType.F16 or DType.BF16))
            throw new ArgumentException($"weights are F32, F16 or BF16, not {type}", nameof(type));
        Directory.CreateDirectory(folder);

        CatalogEntry[] tensors = [.. TensorCatalog.For(config).Where(t => t.Required)];
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        using var writer = new SafetensorsWriter(Path.Combine(folder, ModelFiles.SingleFile), tensors.Select(t => (t.Name, type, t.Shape)), metadata);
        long written = 0;
        var options = new ParallelOptions { CancellationToken = cancellationToken };

        // Without buffering the chunks are taken in the order of the file.
        Parallel.ForEach(Partitioner.Create(Chunks(writer), EnumerablePartitionerOptions.NoBuffering), options, chunk =>
        {
            WriteChunk(writer, chunk);
            progress?.Report(Interlocked.Add(ref written, (long)chunk.Length * type.SizeInBytes()));
        });
        cancellationToken.ThrowIfCancellationRequested();
        writer.Complete();
        ModelFiles.RemoveOtherWeights(folder, [ModelFiles.SingleFile]);
        AtomicFile.Replace(Path.Combine(folder, ModelFiles.Config), path => File.WriteAllText(path, WithTypeOf(config, type).ToJson()));
    }

    /// <summary>Weights that <see cref="Write"/> makes for a configuration.</summary>
    public static long CountWeights(Kosmos2Config config) => TensorCatalog.For(config).Where(t => t.Required).Sum(t => t.Shape.ElementCount);

    /// <summary>Makes one F32 tensor by the same rule; the picture for such a model is the tensor named <c>pixel_values</c>.</summary>
    /// <param name="name">The name, from which the values follow.</param>
    /// <param name="extents">The shape.</param>
    /// <returns>A tensor in host memory that the caller disposes.</returns>
    public static Tensor CreateTensor(string name, params ReadOnlySpan<long> extents)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Tensor tensor = Tensor.OnHost(DType.F32, extents);
        new SyntheticTensor(name, tensor.Shape).Fill(0, tensor.AsSpan<float>());
        return tensor;
    }

    private static IEnumerable<Chunk> Chunks(SafetensorsWriter writer)
    {
        foreach (SafetensorsEntry entry in writer.Entries)
        {
            for (long start = 0; start < entry.Shape.ElementCount; start += ChunkLength)
                yield return new Chunk(entry, start, (int)Math.Min(ChunkLength, entry.Shape.ElementCount - start));
        }
    }

    private static void WriteChunk(SafetensorsWriter writer, Chunk chunk)
    {
        float[] buffer = ArrayPool<float>.Shared.Rent(chunk.Length);
        Half[] halves = chunk.Entry.DType == DType.F32 ? [] : ArrayPool<Half>.Shared.Rent(chunk.Length);
        Span<float> values = buffer.AsSpan(0, chunk.Length);
        new SyntheticTensor(chunk.Entry.Name, chunk.Entry.Shape).Fill(chunk.Start, values);
        if (chunk.Entry.DType == DType.F32)
        {
            writer.Write<float>(chunk.Entry.Name, chunk.Start, values);
        }
        else
        {
            Span<Half> rounded = halves.AsSpan(0, chunk.Length);
            Round(values, rounded, chunk.Entry.DType);
            writer.Write<Half>(chunk.Entry.Name, chunk.Start, rounded);
            ArrayPool<Half>.Shared.Return(halves);
        }

        ArrayPool<float>.Shared.Return(buffer);
    }

    /// <summary>Rounds to 16 bits; a bfloat16 travels in the bits of a <see cref="Half"/>.</summary>
    private static void Round(ReadOnlySpan<float> values, Span<Half> rounded, DType type)
    {
        for (int i = 0; i < values.Length; i++)
        {
            rounded[i] = type == DType.F16 ? (Half)values[i] : BitConverter.UInt16BitsToHalf(BFloat16.ToBits(values[i]));
        }
    }

    private static Kosmos2Config WithTypeOf(Kosmos2Config config, DType type)
    {
        string name = type switch
        {
            DType.F16 => "float16",
            DType.BF16 => "bfloat16",
            _ => "float32",
        };
        var fields = new Dictionary<string, JsonElement>(config.OtherFields, StringComparer.Ordinal)
        {
            ["architectures"] = Architectures,
            ["dtype"] = JsonSerializer.SerializeToElement(name),
        };
        return config with { OtherFields = fields };
    }

    private readonly record struct Chunk(SafetensorsEntry Entry, long Start, int Length);
}
