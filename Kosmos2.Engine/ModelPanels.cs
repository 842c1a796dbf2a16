using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine;

/// <summary>
/// Brings a model's matrices into the order of this CPU's kernels once and for all, into a file beside the model. Whoever opens the model on the CPU then finds it and
/// maps it, unless <see cref="WeightResidency.Packed"/> is asked for: nothing is packed in the first answer, nothing takes memory but the page cache, which all
/// programs share, and products are nearly as fast as with packed weights.
/// </summary>
/// <remarks>
/// The file is for a kind of CPU (the width of its vectors) and for exact or for fast products, and goes with the very files it was made from: others, or later
/// ones, make it be passed over (<see cref="Kosmos2Model.UnusedPanels"/>). It is as large as the weights. The model's own files stay in use: for vectors, scales, GPUs and other CPUs.
/// </remarks>
public static class ModelPanels
{
    private const int Piece = 1 << 24;

    /// <summary>Writes the file, or replaces it.</summary>
    /// <param name="folder">The model's.</param>
    /// <param name="options">
    /// <see cref="EngineOptions.Products"/> and <see cref="EngineOptions.Threads"/> count, null for the defaults. Panels are those of the weights as they are stored.
    /// </param>
    /// <param name="progress">Told the bytes written so far, or null.</param>
    /// <param name="cancellation">Stops the work; the unfinished file is deleted.</param>
    /// <returns>The file's path.</returns>
    /// <exception cref="ArgumentException">The options bring weights to another format.</exception>
    /// <exception cref="FileNotFoundException">The folder, or config.json in it, is missing.</exception>
    /// <exception cref="Kosmos2FormatException">A file is missing or malformed.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static string Write(string folder, EngineOptions? options = null, IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new EngineOptions();
        if (options.WeightFormat != WeightFormat.Stored)
            throw new ArgumentException($"panels hold weights as they are stored, not as {options.WeightFormat}", nameof(options));
        Kosmos2Config config = Kosmos2Config.Load(folder);
        var backend = new CpuBackend(options.ForCpu(folder, config) with { Weights = WeightResidency.Packed });
        using Kosmos2Model model = Kosmos2Model.Load(folder, backend);
        (string Name, PackedWeight Weight)[] weights = [.. from pair in model.Weights let packed = pair.Value as PackedWeight where packed is not null select (pair.Key, packed)];
        string path = PanelFile.PathOf(folder, backend);
        using var writer = new SafetensorsWriter(path, weights.Select(w => (w.Name, DType.U8, new Shape(w.Weight.ByteLength))), PanelFile.Metadata(model.Checkpoint, backend));
        long written = 0;
        foreach ((string name, PackedWeight weight) in weights)
        {
            backend.Pack(weight);
            for (long start = 0; start < weight.ByteLength; start += Piece)
            {
                cancellation.ThrowIfCancellationRequested();
                ReadOnlySpan<byte> piece = weight.Bytes(start, (int)Math.Min(Piece, weight.ByteLength - start));
                writer.Write(name, start, piece);
                progress?.Report(written += piece.Length);
            }
            // Makes room for the next.
            weight.Dispose();
        }
        writer.Complete();
        return path;
    }
}
