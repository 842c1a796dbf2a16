using Microsoft.Extensions.FileSystemGlobbing;
using Microsoft.Extensions.FileSystemGlobbing.Abstractions;

namespace Kosmos2.Cli.Images;

/// <summary>
/// From arguments to pictures: files, folders, patterns with <c>*</c> and <c>**</c>, http(s) addresses, and <c>-</c> for standard input.
/// </summary>
internal static class ImageSource
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".ico"];

    /// <summary>The pictures in the order of the arguments; those of a folder or pattern in the order of their names.</summary>
    public static IReadOnlyList<ImageInput> Expand(IEnumerable<string> arguments, ImageDownload download) =>
        [.. arguments.SelectMany(argument => Expand(argument, download))];

    private static ImageInput[] Expand(string argument, ImageDownload download)
    {
        if (argument.Length == 0)
            return [ImageInput.Missing("''", "an image is wanted, not an empty name")];
        if (argument == "-")
            return [ImageInput.StandardInput()];
        if (ImageDownload.IsAddress(argument))
            return [download.Input(argument)];
        if (Directory.Exists(argument))
            return OrMissing(argument, "the folder has no pictures", PicturesIn(argument));
        if (argument.Contains('*', StringComparison.Ordinal) && !File.Exists(argument))
            return OrMissing(argument, "no file matches", Matches(argument));
        return [ImageInput.File(argument)];
    }

    private static ImageInput[] OrMissing(string argument, string problem, IEnumerable<string> paths)
    {
        ImageInput[] found = [.. paths.Order(StringComparer.Ordinal).Select(ImageInput.File)];
        return found.Length > 0 ? found : [ImageInput.Missing(argument, problem)];
    }

    private static IEnumerable<string> PicturesIn(string folder) =>
        Directory.EnumerateFiles(folder).Where(path => Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase));

    // The part before the first wildcard is a folder as it is written, so that names come out as they went in.
    private static IEnumerable<string> Matches(string pattern)
    {
        int slash = pattern.LastIndexOf('/', pattern.IndexOf('*', StringComparison.Ordinal));
        string root = slash < 0 ? "." : slash == 0 ? "/" : pattern[..slash];
        if (!Directory.Exists(root))
            return [];
        var matcher = new Matcher(StringComparison.Ordinal);
        matcher.AddInclude(pattern[(slash + 1)..]);
        var folder = new DirectoryInfo(root);
        DirectoryInfoBase start = pattern.Contains("**", StringComparison.Ordinal) ? new UnlinkedFolder(folder) : new DirectoryInfoWrapper(folder);
        IEnumerable<string> below = matcher.Execute(start).Files.Select(file => Path.GetRelativePath(root, Path.Combine(root, file.Path)));
        return slash < 0 ? below : below.Select(path => Path.Combine(root, path));
    }
}
