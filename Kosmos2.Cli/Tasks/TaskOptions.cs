using Kosmos2.Imaging;

namespace Kosmos2.Cli.Tasks;

/// <summary>The options that all tasks share, as given.</summary>
internal sealed record TaskOptions
{
    public required IReadOnlyList<string> Images { get; init; }

    public required ModelChoice Model { get; init; }

    public required int MaxNewTokens { get; init; }

    public int? MaxContext { get; init; }

    public bool Json { get; init; }

    public bool Stream { get; init; }

    public string? Annotate { get; init; }

    public string? Crop { get; init; }

    /// <summary>Folder of encoded pictures, or null.</summary>
    public string? ImageCache { get; init; }

    /// <summary>Whether answers keep to the grammar; null for what is usual for the task.</summary>
    public bool? Grammar { get; init; }

    public required PictureOptions Pictures { get; init; }

    public required TimeSpan UrlTimeout { get; init; }
}
