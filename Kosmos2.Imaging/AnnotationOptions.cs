namespace Kosmos2.Imaging;

/// <summary>How <see cref="PictureAnnotator"/> draws.</summary>
public sealed record AnnotationOptions
{
    /// <summary>
    /// Pixels that the shorter side has at least: a smaller picture is enlarged by a whole factor before it is drawn on, since letters of a readable
    /// size would hide most of it. 0 keeps every picture's size.
    /// </summary>
    public int MinimumSide { get; init; } = 448;

    /// <summary>Height of the labels' letters in pixels; null chooses by the picture's size and the number of boxes, 12 to 40.</summary>
    public double? FontSize { get; init; }

    /// <summary>Whether labels are drawn, or boxes only.</summary>
    public bool Labels { get; init; } = true;
}
