namespace Kosmos2.Weights;

/// <summary>Files that are there whole or not at all: written beside their place under another name, and then moved over what is there.</summary>
internal static class AtomicFile
{
    /// <summary>A name beside a file's that nothing else has, hidden where names with a dot are.</summary>
    /// <param name="path">The file's full path.</param>
    public static string Beside(string path) => Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");

    /// <summary>Writes a small file.</summary>
    /// <param name="path">The file; an older one, or a link of that name, is replaced.</param>
    /// <param name="write">Given the path to write to.</param>
    public static void Replace(string path, Action<string> write)
    {
        string temporary = Beside(Path.GetFullPath(path));
        try
        {
            write(temporary);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
