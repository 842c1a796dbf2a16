namespace Kosmos2.Tests;

/// <summary>Where the tests find their files: in the source tree, and, for what may not be committed, in a shared folder beside it.</summary>
internal static class TestData
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path below Kosmos2.Tests/Data.</summary>
    public static string File(params string[] parts) => Path.Combine([Root, "Kosmos2.Tests", "Data", .. parts]);

    /// <summary>The shipped model.</summary>
    public static string ShapesModel => Path.Combine(Root, "models", "kosmos2-shapes");

    /// <summary>
    /// A path in the shared folder beside the repository (or KOSMOS2_SHARED), which holds the real vocabulary and demo pictures. Where it is
    /// absent the test ends as inconclusive with one line that says so.
    /// </summary>
    public static string Shared(params string[] parts)
    {
        string shared = Environment.GetEnvironmentVariable("KOSMOS2_SHARED") ?? Path.Combine(Root, "..", "shared");
        string path = Path.GetFullPath(Path.Combine([shared, .. parts]));
        if (!System.IO.File.Exists(path) && !Directory.Exists(path))
            Assert.Inconclusive($"not run: {Path.Combine(parts)} is not in the shared folder {Path.GetFullPath(shared)}");
        return path;
    }

    private static string FindRoot()
    {
        // Not from the compiler's caller path: deterministic builds rewrite it.
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder, "Kosmos2.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"no Kosmos2.sln above {AppContext.BaseDirectory}");
    }
}
