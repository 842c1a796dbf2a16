namespace Kosmos2.Weights;

/// <summary>The files that make a folder a model. One model replaces another whole, or not at all.</summary>
internal static class ModelFiles
{
    /// <summary>The configuration. It is written last: weights without it are no model.</summary>
    public const string Config = "config.json";

    /// <summary>All weights in one file.</summary>
    public const string SingleFile = "model.safetensors";

    /// <summary>Says which shard holds which weight.</summary>
    public const string Index = "model.safetensors.index.json";

    /// <summary>End of the names of files that hold weights in the order of some CPU's kernels, made from the others.</summary>
    public const string PanelEnding = ".panels";

    /// <summary>Names of shards, as in <c>model-00001-of-00002.safetensors</c>.</summary>
    private const string Shards = "model-*-of-*.safetensors";

    /// <summary>Paths of a model's files in a folder; none if the folder holds no part of a model, or is not there.</summary>
    public static IReadOnlyList<string> In(string folder) => Directory.Exists(folder)
        ? [.. new[] { Config, SingleFile, Index }.Select(name => Path.Combine(folder, name)).Where(File.Exists), .. Directory.EnumerateFiles(folder, Shards)]
        : [];

    /// <summary>Removes the weights of a model that was in a folder before: a file of them would go before the shards that were written. Its panels go with them.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="written">Names of the new model's files of weights, its index among them if it has one.</param>
    public static void RemoveOtherWeights(string folder, IEnumerable<string> written)
    {
        IEnumerable<string> others = In(folder).ExceptBy(written.Append(Config), path => Path.GetFileName(path));
        foreach (string path in (string[])[.. others, .. Directory.EnumerateFiles(folder, $"*{PanelEnding}")])
            File.Delete(path);
    }
}
