using Kosmos2.Engine;
using Kosmos2.Imaging;

namespace Kosmos2.Cli.Images;

/// <summary>A picture that the command line names, read when its turn comes: a bad one does not stop those before it.</summary>
/// <param name="Name">As it was given, or as a folder or pattern found it.</param>
/// <param name="Stem">What files made from it are called, without extension.</param>
/// <param name="LoadAsync">Reads it.</param>
internal sealed record ImageInput(string Name, string Stem, Func<PictureOptions, CancellationToken, Task<RgbImage>> LoadAsync)
{
    /// <summary>Full path of a picture that is a file; null for what comes from elsewhere.</summary>
    public string? FilePath { get; init; }

    /// <summary>A file.</summary>
    public static ImageInput File(string path) =>
        new(path, Path.GetFileNameWithoutExtension(path), (options, cancellation) => Task.Run(() => Picture.Load(path, options), cancellation))
        {
            FilePath = Path.GetFullPath(path),
        };

    /// <summary>Standard input, whole.</summary>
    public static ImageInput StandardInput() => new("-", "stdin", (options, _) => Task.Run(() =>
    {
        using Stream stream = Console.OpenStandardInput();
        return Picture.Load(stream, options, "standard input");
    }));

    /// <summary>An argument that names no picture; the complaint comes when its turn does.</summary>
    public static ImageInput Missing(string name, string problem) => new(name, "", (_, _) => throw new UsageException($"{name}: {problem}"));
}
