namespace Kosmos2.Weights;

/// <summary>Where a path leads when every link on its way is followed: two names of one file or folder have one real path.</summary>
internal static class RealPath
{
    /// <summary>Links followed before a path is taken as it is, as Linux has it: those of a circle lead nowhere.</summary>
    private const int MaxLinks = 40;

    /// <summary>Compares paths as the system's usual file system does.</summary>
    public static StringComparer Comparer { get; } =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>The real path of a file or folder, which need not be there.</summary>
    public static string Of(string path)
    {
        int links = MaxLinks;
        return Resolve(path, ref links);
    }

    private static string Resolve(string path, ref int links)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(full) is not { } parent)
            return full;
        parent = Resolve(parent, ref links);
        string place = Path.Combine(parent, Path.GetFileName(full));
        return links > 0 && new FileInfo(place).LinkTarget is { } target && links-- > 0 ? Resolve(Path.Combine(parent, target), ref links) : place;
    }
}
