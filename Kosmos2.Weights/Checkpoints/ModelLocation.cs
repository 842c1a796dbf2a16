namespace Kosmos2.Weights;

/// <summary>
/// Finds a model's folder: given as a path, or by its name on the Hugging Face hub, if the hub's tools have put it into their cache on this
/// machine. Nothing is downloaded. The cache's layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
/// </summary>
public static class ModelLocation
{
    private const string DefaultRevision = "main";

    /// <summary>The folder that a path or name stands for.</summary>
    /// <param name="model">
    /// A folder, or <c>owner/name</c>, or <c>owner/name@revision</c> with a branch, a tag or a commit. A folder of that name goes first.
    /// </param>
    /// <returns>An existing folder.</returns>
    /// <exception cref="DirectoryNotFoundException">There is no such folder, and no such model or revision in the cache.</exception>
    /// <exception cref="Kosmos2FormatException">The cache's note of the revision is damaged.</exception>
    public static string Resolve(string model) => Resolve(model, Environment.GetEnvironmentVariable);

    /// <summary>The same with the environment's variables given by a function.</summary>
    internal static string Resolve(string model, Func<string, string?> variable)
    {
        ArgumentException.ThrowIfNullOrEmpty(model);
        if (Directory.Exists(model))
            return model;
        if (File.Exists(model))
            throw new DirectoryNotFoundException($"{model}: is a file; a model is a folder with config.json and model.safetensors");
        string[] parts = model.Split('@', 2);
        string revision = parts.Length == 2 ? parts[1] : DefaultRevision;
        string[] name = parts[0].Split('/');
        if (name.Length != 2 || !name.All(IsPlain) || !revision.Split('/').All(IsPlain))
            throw new DirectoryNotFoundException($"{model}: no such folder");

        string cache = CacheFolder(variable);
        string repository = Path.Combine(cache, $"models--{name[0]}--{name[1]}");
        if (!Directory.Exists(repository))
        {
            string problem = $"no such folder, and no such model in Hugging Face's cache {cache}; to fetch it: hf download {parts[0]}";
            throw new DirectoryNotFoundException($"{model}: {problem}");
        }

        string snapshot = Path.Combine(repository, "snapshots", CommitOf(repository, revision));
        return Directory.Exists(snapshot)
            ? snapshot
            : throw new DirectoryNotFoundException(
                $"{model}: revision {revision} is not in {repository}, which has {Snapshots(repository)}; to fetch it: hf download {parts[0]} --revision {revision}");
    }

    /// <summary>A branch or tag is a file below <c>refs</c> that holds the commit; anything else is a commit.</summary>
    private static string CommitOf(string repository, string revision)
    {
        string reference = Path.Combine([repository, "refs", .. revision.Split('/')]);
        var info = new FileInfo(reference);
        if (!info.Exists)
            return revision;
        const int MaxLength = 256;
        string commit = info.Length is > 0 and <= MaxLength ? File.ReadAllText(reference).Trim() : "";
        return IsPlain(commit)
            ? commit
            : throw new Kosmos2FormatException(reference, $"holds {info.Length} bytes that are not the name of a commit");
    }

    /// <summary>In the order in which huggingface_hub asks.</summary>
    private static string CacheFolder(Func<string, string?> variable)
    {
        string? Given(string name) => variable(name) is { Length: > 0 } value ? value : null;
        if ((Given("HF_HUB_CACHE") ?? Given("HUGGINGFACE_HUB_CACHE")) is { } hub)
            return hub;
        if (Given("HF_HOME") is { } home)
            return Path.Combine(home, "hub");
        string cache = Given("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(cache, "huggingface", "hub");
    }

    private static string Snapshots(string repository)
    {
        string folder = Path.Combine(repository, "snapshots");
        string[] commits = Directory.Exists(folder) ? [.. Directory.GetDirectories(folder).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)] : [];
        return commits.Length == 0 ? "no snapshot" : string.Join(", ", commits.Take(5).Select(Kosmos2FormatException.Quote));
    }

    /// <summary>Letters, digits, dots, dashes and underscores, and no way up or out.</summary>
    private static bool IsPlain(string part) =>
        part.Length is > 0 and <= 96 && part[0] != '.' && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
}
