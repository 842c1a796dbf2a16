using Kosmos2.Engine;

namespace Kosmos2.Imaging;

/// <summary>Cuts boxes out of pictures.</summary>
public static class PictureCropper
{
    /// <summary>The pixels of a box: every pixel that the box touches, kept inside the picture, at least one.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="box">Normalised; corners out of order are put in order.</param>
    public static RgbImage Crop(RgbImage picture, Box box)
    {
        ArgumentNullException.ThrowIfNull(picture);
        (int left, int width) = Extent(box.X1, box.X2, picture.Width);
        (int top, int height) = Extent(box.Y1, box.Y2, picture.Height);
        byte[] pixels = GC.AllocateUninitializedArray<byte>(3 * width * height);
        for (int row = 0; row < height; row++)
            picture.Pixels.AsSpan(3 * (((top + row) * picture.Width) + left), 3 * width).CopyTo(pixels.AsSpan(3 * row * width));
        return new RgbImage(width, height, pixels);
    }

    // Shared by the annotator: [first, first + count) of size pixels, from two fractions.
    internal static (int First, int Count) Extent(double a, double b, int size)
    {
        int first = Math.Clamp((int)Math.Floor(Math.Min(a, b) * size), 0, size - 1);
        int end = Math.Clamp((int)Math.Ceiling(Math.Max(a, b) * size), first + 1, size);
        return (first, end - first);
    }
}
