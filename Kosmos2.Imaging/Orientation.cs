using Kosmos2.Engine;
using SkiaSharp;

namespace Kosmos2.Imaging;

/// <summary>Turns a picture upright by EXIF's orientation tag, as Pillow's <c>ImageOps.exif_transpose</c> does.</summary>
internal static class Orientation
{
    public static RgbImage Apply(RgbImage picture, SKEncodedOrigin origin)
    {
        if (origin is SKEncodedOrigin.TopLeft)
            return picture;
        int width = picture.Width, height = picture.Height;
        bool turned = origin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        (int newWidth, int newHeight) = turned ? (height, width) : (width, height);
        byte[] upright = GC.AllocateUninitializedArray<byte>(picture.Pixels.Length);
        int to = 0;
        for (int y = 0; y < newHeight; y++)
        {
            for (int x = 0; x < newWidth; x++, to += 3)
            {
                // The name says where the stored picture's first row and first column belong: RightTop has its first row at the right.
                (int column, int row) = origin switch
                {
                    SKEncodedOrigin.TopRight => (width - 1 - x, y),
                    SKEncodedOrigin.BottomRight => (width - 1 - x, height - 1 - y),
                    SKEncodedOrigin.BottomLeft => (x, height - 1 - y),
                    SKEncodedOrigin.LeftTop => (y, x),
                    SKEncodedOrigin.RightTop => (y, height - 1 - x),
                    SKEncodedOrigin.RightBottom => (width - 1 - y, height - 1 - x),
                    _ => (width - 1 - y, x),
                };
                picture.Pixels.AsSpan(3 * ((row * width) + column), 3).CopyTo(upright.AsSpan(to, 3));
            }
        }
        return new RgbImage(newWidth, newHeight, upright);
    }
}
