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

    public required PictureOptions Pictures { get; init; }

    public required TimeSpan UrlTimeout { get; init; }
}
