using System.Text;
using System.Text.Json;

namespace Kosmos2.Weights;

/// <summary>
/// Writes a checkpoint with smaller weights: bfloat16, or small integers as the compressed-tensors library stores them. Tensors are read, converted and
/// written piece by piece, shard by shard, so that memory stays small whatever the model's size.
/// </summary>
public static class CheckpointQuantizer
{
    /// <summary>Weights converted at a time: 16 MB of F32.</summary>
    private const int PieceLength = 1 << 22;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };
    private static readonly string[] CopiedEndings = [".json", ".model", ".txt", ".jinja"];

    /// <summary>Reads one folder and writes another: weights in the same shards, config.json, and copies of the tokenizer's and processor's files.</summary>
    /// <param name="source">A model's folder whose weights are floats.</param>
    /// <param name="destination">Another folder, made if need be; a model that is there is replaced, and stays as it is until all weights are written.</param>
    /// <param name="options">What to make.</param>
    /// <param name="progress">Told the bytes of weights read so far, or null.</param>
    /// <param name="cancellationToken">Stops the work; the unfinished files are deleted.</param>
    /// <returns>The new configuration.</returns>
    /// <exception cref="ArgumentException">An option is unusable, or both folders are one.</exception>
    /// <exception cref="Kosmos2FormatException">The source is malformed, is quantized already, or holds a weight that is not finite.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public static Kosmos2Config Write(
        string source, string destination, QuantizeOptions options, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        ArgumentNullException.ThrowIfNull(options);
        if (RealPath.Comparer.Equals(RealPath.Of(source), RealPath.Of(destination)))
            throw new ArgumentException($"{source} and {destination}: both folders are one; the new checkpoint needs a folder of its own", nameof(destination));
        Kosmos2Config config = Kosmos2Config.Load(source);
        if (config.QuantizationConfig is not null)
            throw new ConfigurationException(Path.Combine(source, ModelFiles.Config), "quantization_config", "is set: the weights are small integers already");
        var plan = new QuantizationPlan(config, options);
        using Checkpoint checkpoint = Checkpoint.Open(source);
        checkpoint.Validate(config);
        Directory.CreateDirectory(destination);

        Dictionary<string, WeightFormat> formats = checkpoint.Names.ToDictionary(name => name, name => plan.FormatOf(name, checkpoint[name].DType), StringComparer.Ordinal);
        Kosmos2Config made = plan.Configure(config, formats);
        bool IsInteger(string name) => formats.TryGetValue(name, out WeightFormat format) && format is WeightFormat.Int8 or WeightFormat.Int4;
        bool foldsInputs = options.FoldInputs && (options.SearchScales || options.Inputs is not null);
        FoldPlan? folds = foldsInputs ? new FoldPlan(config, checkpoint, options.Inputs, IsInteger) : null;
        Dictionary<string, WeightQuantizer> integers = checkpoint.Names.Where(IsInteger).ToDictionary(
            name => name,
            name => new WeightQuantizer(
                checkpoint[name], plan.SchemeOf(formats[name]), checkpoint.TryGet(BiasOf(name), out _) ? options.Inputs?.GetValueOrDefault(name) : null,
                options.SearchScales, folds?.OfLayer(ModuleOf(name)), folds?.OfOutputs(ModuleOf(name))),
            StringComparer.Ordinal);
        Dictionary<string, WeightQuantizer> layers = integers.ToDictionary(pair => BiasOf(pair.Key), pair => pair.Value, StringComparer.Ordinal);
        var writers = new List<SafetensorsWriter>();
        try
        {
            long read = 0;
            foreach (SafetensorsFile file in checkpoint.Files)
            {
                // Biases after their weights, which say what they have to make up for.
                StoredWeight[] weights = [.. checkpoint.Names.Where(name => checkpoint.FileOf(name) == file).OrderBy(layers.ContainsKey).Select(name => new StoredWeight(
                    name, checkpoint[name], formats[name], integers.GetValueOrDefault(name), ChangeOf(name)))];
                string path = Path.Combine(destination, Path.GetFileName(file.FilePath));
                var writer = new SafetensorsWriter(path, weights.SelectMany(w => w.Parts), new Dictionary<string, string> { ["format"] = "pt" });
                writers.Add(writer);
                foreach (StoredWeight weight in weights)
                {
                    try
                    {
                        weight.Write(writer, PieceLength, cancellationToken);
                    }
                    catch (Exception e) when (e is ArgumentException || e is AggregateException { InnerException: ArgumentException })
                    {
                        throw new CheckpointException(file.FilePath, weight.Name, (e.InnerException ?? e).Message, e);
                    }

                    read += weight.ByteLength;
                    progress?.Report(read);
                }
            }

            // All of them or none: shards of two models are no model.
            writers.ForEach(writer => writer.Complete());
        }
        finally
        {
            writers.ForEach(writer => writer.Dispose());
        }

        FinishWeights(destination, writers);
        CopyOthers(source, destination);
        AtomicFile.Replace(Path.Combine(destination, ModelFiles.Config), path => File.WriteAllText(path, made.ToJson()));
        return made;

        // A layer's bias makes up for the mean error; what makes folded inputs takes the fold over, in its bias and, if it is a norm, in its weight.
        Action<float[]>? ChangeOf(string name)
        {
            WeightQuantizer? layer = layers.GetValueOrDefault(name);
            Lazy<InputFold>? fold = integers.ContainsKey(name) ? null : folds?.OfOutputs(ModuleOf(name));
            if (fold is null && layer is not { ChangesBias: true })
                return null;
            bool isBias = name.EndsWith(".bias", StringComparison.Ordinal);
            return values =>
            {
                if (layer?.LostInMean() is { } lost)
                    RowSums.Add(1, lost, values);
                if (isBias && fold is not null)
                    RowSums.Add(-1, fold.Value.Mean, values);
                for (int i = 0; fold is not null && i < values.Length; i++)
                    values[i] /= fold.Value.Factors[i];
            };
        }
    }

    private static string BiasOf(string weight) => weight.EndsWith(".weight", StringComparison.Ordinal) ? $"{ModuleOf(weight)}.bias" : weight;

    private static string ModuleOf(string tensor) => tensor[..Math.Max(tensor.LastIndexOf('.'), 0)];

    // The index, unless all lies in the one file that needs none; and no file of other weights beside them.
    private static void FinishWeights(string folder, List<SafetensorsWriter> writers)
    {
        List<string> names = [.. writers.Select(writer => Path.GetFileName(writer.FilePath))];
        if (names is not [ModelFiles.SingleFile])
        {
            WriteIndex(Path.Combine(folder, ModelFiles.Index), writers);
            names.Add(ModelFiles.Index);
        }
        ModelFiles.RemoveOtherWeights(folder, names);
    }

    private static void WriteIndex(string path, List<SafetensorsWriter> writers)
    {
        var shards = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (SafetensorsWriter writer in writers)
        {
            foreach (SafetensorsEntry entry in writer.Entries)
                shards.Add(entry.Name, Path.GetFileName(writer.FilePath));
        }
        long size = writers.Sum(writer => writer.Entries.Sum(entry => entry.ByteLength));
        var index = new Dictionary<string, object> { ["metadata"] = new Dictionary<string, long> { ["total_size"] = size }, ["weight_map"] = shards };
        AtomicFile.Replace(path, temporary => File.WriteAllText(temporary, JsonSerializer.Serialize(index, Indented) + "\n", new UTF8Encoding(false)));
    }

    // Tokenizer, processor and generation settings: small files beside the weights.
    private static void CopyOthers(string source, string destination)
    {
        foreach (string path in Directory.EnumerateFiles(source))
        {
            string name = Path.GetFileName(path);
            bool ours = name is ModelFiles.Config || name.EndsWith("safetensors.index.json", StringComparison.Ordinal);
            if (!ours && CopiedEndings.Contains(Path.GetExtension(name)))
                AtomicFile.Replace(Path.Combine(destination, name), temporary => File.Copy(path, temporary));
        }
    }
}
