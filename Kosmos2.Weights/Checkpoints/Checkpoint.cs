using System.Diagnostics.CodeAnalysis;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// All tensors of a model folder by name, whether they lie in one <c>model.safetensors</c> or in shards that
/// <c>model.safetensors.index.json</c> names. Opening reads headers only; the tensors are read-only views of mapped files and live as
/// long as this object. The names are the released checkpoint's, whatever the files use: original fairseq and pre-release names are
/// brought to them, and tables that the model computes for itself (position ids, sinusoids) are passed over.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private readonly SafetensorsFile[] _files;
    private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);

    // Of the configuration that was asked about last.
    private (Kosmos2Config? Config, Dictionary<string, CatalogEntry>? Entries) _catalog;

    private Checkpoint(string folder, SafetensorsFile[] files)
    {
        Folder = folder;
        _files = files;
    }

    /// <summary>The model's folder as it was given.</summary>
    public string Folder { get; }

    /// <summary>The files that were opened.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>A tensor by name.</summary>
    /// <exception cref="CheckpointException">There is no such tensor.</exception>
    public Tensor this[string name] => TryGet(name, out Tensor? tensor)
        ? tensor
        : throw new CheckpointException(Folder, name, "is missing");

    /// <summary>Opens a folder: <c>model.safetensors</c> if it is there, otherwise the shards of <c>model.safetensors.index.json</c>.</summary>
    /// <exception cref="IOException">The folder holds neither, or a file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    /// <exception cref="Kosmos2FormatException">A file breaks a rule of its format, or the shards are not what the index says.</exception>
    public static Checkpoint Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string single = Path.Combine(folder, ModelFiles.SingleFile);
        string index = Path.Combine(folder, ModelFiles.Index);
        if (File.Exists(single))
            return OpenSingle(folder, single);
        if (File.Exists(index))
            return OpenShards(folder, CheckpointIndex.Read(index));
        throw NothingToOpen(folder);
    }

    /// <summary>Looks a tensor up.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out Tensor? tensor)
    {
        bool found = _tensors.TryGetValue(name, out StoredTensor stored);
        tensor = stored.Tensor;
        return found;
    }

    /// <summary>A weight that the configuration says is stored as small integers; null when it is stored as floats.</summary>
    /// <param name="name">As in <c>text_model.model.layers.0.ffn.fc1.weight</c>.</param>
    /// <param name="config">The checkpoint's configuration.</param>
    /// <returns>A view of the mapped file; the caller disposes it before this object.</returns>
    /// <exception cref="CheckpointException">A part of it is missing, or has another shape or type than it must have.</exception>
    public QuantizedMatrix? GetQuantized(string name, Kosmos2Config config)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(config);
        if (config.QuantizationConfig is null)
            return null;
        if (!ReferenceEquals(_catalog.Config, config))
            _catalog = (config, TensorCatalog.For(config).ToDictionary(t => t.Name, StringComparer.Ordinal));
        return _catalog.Entries!.TryGetValue(name, out CatalogEntry? entry) && QuantizedPart(entry, config) is { } part ? part.Read() : null;
    }

    /// <summary>
    /// Checks that every tensor of the model is there, in the shape that the configuration asks for, as F32, F16 or BF16, or as the small integers
    /// that its quantization_config describes. Tensors that the model does not know are no error.
    /// </summary>
    /// <returns>The names of tensors that the model does not know.</returns>
    /// <exception cref="CheckpointException">A tensor is missing, or has another shape or an unexpected type.</exception>
    public IReadOnlyList<string> Validate(Kosmos2Config config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var unknown = new HashSet<string>(_tensors.Keys, StringComparer.Ordinal);
        CheckpointException? first = null;
        int problems = 0;
        foreach (CatalogEntry expected in TensorCatalog.For(config))
        {
            unknown.Remove(expected.Name);
            if (expected.ModuleClass.Length > 0 && config.QuantizationConfig is not null)
                unknown.ExceptWith(QuantizedTensors.PartsOf(expected.Module));
            if (Check(expected, config) is not { } problem)
                continue;
            problems++;
            first ??= problem;
        }

        if (first is null)
            return [.. unknown.Order(StringComparer.Ordinal)];
        throw problems == 1
            ? first
            : new CheckpointException(first.FilePath, first.TensorName, $"{first.Problem} ({problems - 1} more tensors do not fit)");
    }

    /// <summary>Unmaps all files; the tensors must not be used afterwards.</summary>
    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
            file.Dispose();
    }

    private static Checkpoint OpenSingle(string folder, string path)
    {
        var checkpoint = new Checkpoint(folder, [SafetensorsFile.Open(path)]);
        try
        {
            foreach (SafetensorsEntry entry in checkpoint._files[0].Entries)
                checkpoint.Add(entry.Name, checkpoint._files[0]);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    private static Checkpoint OpenShards(string folder, CheckpointIndex index)
    {
        var files = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        try
        {
            foreach (string shard in index.WeightMap.Values.Distinct(StringComparer.Ordinal))
            {
                string path = Path.Combine(folder, shard);
                if (!File.Exists(path))
                {
                    string problem = $"names the shard {Kosmos2FormatException.Quote(shard)}, which is not in the folder";
                    throw new CheckpointException(index.FilePath, null, problem);
                }

                files.Add(shard, SafetensorsFile.Open(path));
            }

            var checkpoint = new Checkpoint(folder, [.. files.Values]);
            foreach ((string name, string shard) in index.WeightMap)
            {
                SafetensorsFile file = files[shard];
                if (!file.TryGet(name, out _))
                    throw new CheckpointException(file.FilePath, name, $"is not in this shard, where {index.FilePath} says it is");
                checkpoint.Add(name, file);
            }

            return checkpoint;
        }
        catch
        {
            foreach (SafetensorsFile file in files.Values)
                file.Dispose();
            throw;
        }
    }

    /// <summary>Enters a tensor under its released name.</summary>
    private void Add(string nameInFile, SafetensorsFile file)
    {
        if (TensorNames.IsBuffer(nameInFile))
            return;
        string name = TensorNames.ToReleased(nameInFile);
        if (!_tensors.TryAdd(name, new StoredTensor(file[nameInFile], file, nameInFile)))
        {
            string released = Kosmos2FormatException.Quote(name);
            string other = Kosmos2FormatException.Quote(_tensors[name].NameInFile);
            throw new CheckpointException(file.FilePath, nameInFile, $"is {released} under another name, and so is {other}");
        }
    }

    /// <summary>An exception about a tensor: in its file if it is there, otherwise in the folder.</summary>
    internal CheckpointException Problem(string name, string problem) => _tensors.TryGetValue(name, out StoredTensor stored)
        ? new CheckpointException(stored.File.FilePath, stored.NameInFile, problem)
        : new CheckpointException(Folder, name, problem);

    /// <summary>The file that holds a tensor.</summary>
    internal SafetensorsFile FileOf(string name) => _tensors[name].File;

    /// <summary>A weight that is stored as integers. One that could be and is stored as floats after all is taken as it is.</summary>
    private QuantizedTensors? QuantizedPart(CatalogEntry entry, Kosmos2Config config)
    {
        if (entry.ModuleClass.Length == 0 || config.QuantizationConfig?.SchemeOf(entry.Module, entry.ModuleClass) is not { } scheme)
            return null;
        bool floats = TryGet(entry.Name, out Tensor? tensor) && tensor.DType.IsFloatingPoint();
        bool absent = tensor is null && !entry.Required && !TryGet($"{entry.Module}.weight_packed", out _);
        return floats || absent ? null : new QuantizedTensors(this, entry, scheme);
    }

    private CheckpointException? Check(CatalogEntry expected, Kosmos2Config config)
    {
        if (QuantizedPart(expected, config) is { } part)
        {
            try
            {
                part.Check();
                return null;
            }
            catch (CheckpointException e)
            {
                return e;
            }
        }

        if (!_tensors.TryGetValue(expected.Name, out StoredTensor stored))
        {
            return expected.Required
                ? new CheckpointException(Folder, expected.Name, $"is missing; the configuration asks for {expected.Shape}")
                : null;
        }

        string file = stored.File.FilePath;
        if (!stored.Tensor.Shape.Equals(expected.Shape))
            return new CheckpointException(file, stored.NameInFile, $"has shape {stored.Tensor.Shape}; the configuration asks for {expected.Shape}");
        return stored.Tensor.DType is DType.F32 or DType.F16 or DType.BF16
            ? null
            : new CheckpointException(file, stored.NameInFile, $"has type {stored.Tensor.DType}; weights are F32, F16 or BF16");
    }

    private static IOException NothingToOpen(string folder)
    {
        if (!Directory.Exists(folder))
            return new DirectoryNotFoundException($"{folder}: no such folder");
        string message = $"{folder}: holds neither {ModelFiles.SingleFile} nor {ModelFiles.Index}";
        if (File.Exists(Path.Combine(folder, "pytorch_model.bin")))
            message += "; pytorch_model.bin is a pickle, which can run code and is not read: save the model as safetensors";
        return new FileNotFoundException(message, Path.Combine(folder, ModelFiles.SingleFile));
    }

    /// <summary>A tensor, the file that holds it and what that file calls it.</summary>
    private readonly record struct StoredTensor(Tensor Tensor, SafetensorsFile File, string NameInFile);
}
