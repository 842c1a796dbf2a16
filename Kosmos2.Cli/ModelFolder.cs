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
        ? ModelLocation.Resolve(named)
        : FindShipped() ?? throw new UsageException($"no model: {Shipped} is neither beside the program nor above the current folder; name one with --model");

    /// <summary>The shipped model, or null if it is nowhere.</summary>
    public static string? FindShipped() => Above(AppContext.BaseDirectory) ?? Above(Directory.GetCurrentDirectory());

    private static string? Above(string start)
    {
        for (string? folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            string candidate = Path.Combine(folder, Shipped);
            if (File.Exists(Path.Combine(candidate, "config.json")))
                return candidate;
        }
        return null;
    }
}
