using Kosmos2.Engine;
using SkiaSharp;

namespace Kosmos2.Imaging;

/// <summary>Between the engine's pictures and Skia's.</summary>
internal static class Bitmaps
{
    /// <summary>A copy of a picture, opaque.</summary>
    public static SKBitmap FromRgb(RgbImage picture)
    {
        var bitmap = new SKBitmap(picture.Width, picture.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        Span<byte> rgba = bitmap.GetPixelSpan();
        ReadOnlySpan<byte> rgb = picture.Pixels;
        for (int from = 0, to = 0; from < rgb.Length; from += 3, to += 4)
        {
            rgb.Slice(from, 3).CopyTo(rgba[to..]);
            rgba[to + 3] = 255;
        }
        return bitmap;
    }

    /// <summary>A copy of a bitmap's colours (Rgba8888, rows without padding).</summary>
    public static RgbImage ToRgb(SKBitmap bitmap) => new(bitmap.Width, bitmap.Height, DropAlpha(bitmap.GetPixelSpan()));

    /// <summary>R, G, B of R, G, B, A.</summary>
    public static byte[] DropAlpha(ReadOnlySpan<byte> rgba)
    {
        byte[] rgb = GC.AllocateUninitializedArray<byte>(rgba.Length / 4 * 3);
        for (int from = 0, to = 0; to < rgb.Length; from += 4, to += 3)
        {
            rgb[to] = rgba[from];
            rgb[to + 1] = rgba[from + 1];
            rgb[to + 2] = rgba[from + 2];
        }
        return rgb;
    }
}
