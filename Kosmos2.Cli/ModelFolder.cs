using Kosmos2.Weights;

namespace Kosmos2.Cli;

/// <summary>Finds the model: the one named, or the shipped one.</summary>
internal static class ModelFolder
{
    private static readonly string Shipped = Path.Combine("models", "kosmos2-shapes");

    /// <summary>The folder to load.</summary>
    /// <param name="named">
    /// The value of <c>--model</c>: a folder, or the name of a model in Hugging Face's cache. Null looks for models/kosmos2-shapes beside the
    /// program, above it, and above the current folder.
    /// </param>
    /// <exception cref="IOException">There is no such model.</exception>
    /// <exception cref="UsageException">The shipped model is nowhere.</exception>
    public static string Find(string? named) => named is not null
        ? ModelLocation.Resolve(named.Length > 0 ? named : throw new UsageException("a model's folder or name is wanted, not an empty name"))
        : FindShipped() ?? throw new UsageException($"no model: {Shipped} is neither beside the program nor above the current folder; name one with --model");

    /// <summary>Refuses a folder that holds a model, or a part of one, unless it is to be replaced.</summary>
    /// <exception cref="UsageException">There is one.</exception>
    public static void RefuseToReplace(string folder, bool force)
    {
        if (!force && ModelFiles.In(folder) is [string file, ..])
            throw new UsageException($"{file}: a model is there already; --force replaces it");
    }

    /// <summary>The shipped model, or null if it is nowhere.</summary>
    public static string? FindShipped() => Above(AppContext.BaseDirectory) ?? Above(Directory.GetCurrentDirectory());

    private static string? Above(string start)
    {
        for (string? folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            string candidate = Path.Combine(folder, Shipped);
            if (File.Exists(Path.Combine(candidate, ModelFiles.Config)))
                return candidate;
        }
        return null;
    }
}
