using System.Buffers;
using System.Text.Json;

namespace Kosmos2.Weights;

/// <summary>model.safetensors.index.json: which shard holds which tensor.</summary>
internal sealed class CheckpointIndex
{
    private static readonly SearchValues<char> ForbiddenInNames = SearchValues.Create("/\\:*?\"<>|");

    private CheckpointIndex(string filePath, IReadOnlyDictionary<string, string> weightMap, JsonElement? totalSize)
    {
        FilePath = filePath;
        WeightMap = weightMap;
        TotalSize = totalSize;
    }

    /// <summary>The index's path.</summary>
    public string FilePath { get; }

    /// <summary>Tensor name to the shard's file name, which is always a plain name in the index's own folder.</summary>
    public IReadOnlyDictionary<string, string> WeightMap { get; }

    /// <summary><c>metadata.total_size</c> as it stands: writers disagree on what it counts, so nothing is checked against it.</summary>
    public JsonElement? TotalSize { get; }

    /// <summary>Reads and checks an index.</summary>
    public static CheckpointIndex Read(string path)
    {
        JsonFields root = JsonFields.Read(path);
        JsonElement? totalSize = root.Object("metadata")?.Find("total_size");
        JsonFields map = root.Object("weight_map") ?? throw new ConfigurationException(path, "weight_map", "is missing");
        var weightMap = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, JsonElement shard) in map.Others())
        {
            if (shard.ValueKind != JsonValueKind.String)
                throw map.Error(name, $"is {JsonFields.Show(shard)}; it must be a file name");
            string file = shard.GetString()!;
            if (!IsPlainFileName(file))
                throw map.Error(name, $"is {JsonFields.Show(shard)}; it must be the name of a .safetensors file in the index's own folder");
            weightMap.Add(name, file);
        }

        return new CheckpointIndex(path, weightMap, totalSize);
    }

    /// <summary>A name with no way out of the folder on any system: no separators, no drive, no leading dot.</summary>
    private static bool IsPlainFileName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal)
        && !name.StartsWith('.')
        && !name.AsSpan().ContainsAny(ForbiddenInNames)
        && !name.Any(char.IsControl);
}
