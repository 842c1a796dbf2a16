using System.Diagnostics.CodeAnalysis;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// All tensors of a model folder by name, whether they lie in one <c>model.safetensors</c> or in shards that
/// <c>model.safetensors.index.json</c> names. Opening reads headers only; the tensors are read-only views of mapped files and live as
/// long as this object.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";

    private readonly SafetensorsFile[] _files;
    private readonly Dictionary<string, (Tensor Tensor, SafetensorsFile File)> _tensors = new(StringComparer.Ordinal);

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
        string single = Path.Combine(folder, SingleFile);
        string index = Path.Combine(folder, IndexFile);
        if (File.Exists(single))
            return OpenSingle(folder, single);
        if (File.Exists(index))
            return OpenShards(folder, CheckpointIndex.Read(index));
        throw NothingToOpen(folder);
    }

    /// <summary>Looks a tensor up.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out Tensor? tensor)
    {
        bool found = _tensors.TryGetValue(name, out (Tensor Tensor, SafetensorsFile File) entry);
        tensor = entry.Tensor;
        return found;
    }

    /// <summary>Unmaps all files; the tensors must not be used afterwards.</summary>
    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
            file.Dispose();
    }

    private static Checkpoint OpenSingle(string folder, string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        var checkpoint = new Checkpoint(folder, [file]);
        foreach (SafetensorsEntry entry in file.Entries)
            checkpoint._tensors.Add(entry.Name, (file[entry.Name], file));
        return checkpoint;
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
                    throw new CheckpointException(index.FilePath, null, $"names the shard {Kosmos2FormatException.Quote(shard)}, which is not in the folder");
                files.Add(shard, SafetensorsFile.Open(path));
            }

            var checkpoint = new Checkpoint(folder, [.. files.Values]);
            foreach ((string name, string shard) in index.WeightMap)
            {
                SafetensorsFile file = files[shard];
                if (!file.TryGet(name, out Tensor? tensor))
                    throw new CheckpointException(file.FilePath, name, $"is not in this shard, where {index.FilePath} says it is");
                checkpoint._tensors.Add(name, (tensor, file));
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

    private static IOException NothingToOpen(string folder)
    {
        if (!Directory.Exists(folder))
            return new DirectoryNotFoundException($"{folder}: no such folder");
        string message = $"{folder}: holds neither {SingleFile} nor {IndexFile}";
        if (File.Exists(Path.Combine(folder, "pytorch_model.bin")))
            message += "; pytorch_model.bin is a pickle, which can run code and is not read: save the model as safetensors";
        return new FileNotFoundException(message, Path.Combine(folder, SingleFile));
    }
}
