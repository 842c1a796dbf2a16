namespace Kosmos2.Imaging;

/// <summary>How pictures are read.</summary>
public sealed record PictureOptions
{
    /// <summary>The largest picture that is decoded, in pixels. A larger one is refused after its header. The default is Pillow's limit.</summary>
    public long MaxPixels { get; init; } = 178_956_970;

    /// <summary>The largest encoded file, in bytes.</summary>
    public long MaxBytes { get; init; } = 1L << 30;

    /// <summary>
    /// Turns a picture upright by its EXIF orientation. Off by default: Hugging Face's processor sees the pixels as they are stored, and boxes
    /// refer to those.
    /// </summary>
    public bool ApplyExifOrientation { get; init; }
}
