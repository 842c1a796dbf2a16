namespace Kosmos2.Bench;

/// <summary>The small model of the repository.</summary>
internal static class ShippedModel
{
    /// <summary>Its folder.</summary>
    /// <exception cref="DirectoryNotFoundException">It is nowhere above the program.</exception>
    public static string Folder
    {
        get
        {
            for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                string candidate = Path.Combine(folder, "models", "kosmos2-shapes");
                if (Directory.Exists(candidate))
                    return candidate;
            }
            throw new DirectoryNotFoundException("models/kosmos2-shapes is nowhere above the program");
        }
    }
}
