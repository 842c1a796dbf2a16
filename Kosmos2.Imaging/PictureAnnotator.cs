using Kosmos2.Engine;
using SkiaSharp;

namespace Kosmos2.Imaging;

/// <summary>Draws the boxes of an answer and their phrases on a picture.</summary>
public static class PictureAnnotator
{
    // Neighbours in the list differ in hue and in lightness, so that they stay apart for colour-blind eyes too.
    private static readonly SKColor[] Colors =
    [
        new(0xE6, 0x1E, 0x50), new(0x0E, 0x74, 0xDC), new(0xFF, 0xC2, 0x0A), new(0x0B, 0x8A, 0x5A), new(0xB4, 0x5C, 0xFF),
        new(0xFF, 0x7A, 0x1A), new(0x1B, 0xC9, 0xC3), new(0x8C, 0x2D, 0x19), new(0xF7, 0x8F, 0xD2), new(0x2B, 0x3F, 0xB8),
        new(0x9A, 0xD6, 0x1E), new(0x5B, 0x5B, 0x66),
    ];

    /// <summary>A copy of the picture with every box in its phrase's colour and the phrase beside it.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="entities">Phrases and boxes; one without a phrase gets no label.</param>
    /// <param name="options">Null for the defaults.</param>
    public static RgbImage Annotate(RgbImage picture, IReadOnlyList<GroundedEntity> entities, AnnotationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(entities);
        options ??= new AnnotationOptions();
        using SKBitmap bitmap = Enlarged(picture, options.MinimumSide);
        using var canvas = new SKCanvas(bitmap);

        int shorter = Math.Min(bitmap.Width, bitmap.Height);
        float thickness = Math.Max(2, MathF.Round(shorter / 160f));
        List<(SKRectI Box, string Text, SKColor Color)> marks = Marks(entities, bitmap.Width, bitmap.Height);
        foreach ((SKRectI box, _, SKColor color) in marks.OrderByDescending(mark => (long)mark.Box.Width * mark.Box.Height))
            DrawBox(canvas, box, color, thickness);
        if (options.Labels)
            DrawLabels(canvas, bitmap.Width, bitmap.Height, marks, new StrokeFont(options.FontSize ?? FontSize(shorter, marks.Count)), thickness);
        canvas.Flush();
        return Bitmaps.ToRgb(bitmap);
    }

    /// <summary>The colour of the nth phrase, counted from 0.</summary>
    public static (byte Red, byte Green, byte Blue) ColorOf(int phrase)
    {
        SKColor color = Colors[phrase % Colors.Length];
        return (color.Red, color.Green, color.Blue);
    }

    // By the picture's size, and smaller where many labels have to share it.
    private static double FontSize(int shorter, int labels) =>
        Math.Round(Math.Clamp(shorter / 28.0 * Math.Min(1, Math.Sqrt(12.0 / Math.Max(1, labels))), 12, 40));

    private static List<(SKRectI Box, string Text, SKColor Color)> Marks(IReadOnlyList<GroundedEntity> entities, int width, int height)
    {
        var marks = new List<(SKRectI, string, SKColor)>();
        for (int i = 0; i < entities.Count; i++)
        {
            string text = entities[i].Span.Length == 0 ? "" : entities[i].Name;
            foreach (Box box in entities[i].Boxes)
            {
                (int left, int columns) = PictureCropper.Extent(box.X1, box.X2, width);
                (int top, int rows) = PictureCropper.Extent(box.Y1, box.Y2, height);
                marks.Add((SKRectI.Create(left, top, columns, rows), text, Colors[i % Colors.Length]));
            }
        }
        return marks;
    }

    private static SKBitmap Enlarged(RgbImage picture, int minimumSide)
    {
        SKBitmap bitmap = Bitmaps.FromRgb(picture);
        int shorter = Math.Min(picture.Width, picture.Height), longer = Math.Max(picture.Width, picture.Height);
        // A picture of 1 x 5,000 pixels is not made 448 times as long.
        int factor = Math.Min((minimumSide + shorter - 1) / shorter, Math.Max(1, 4096 / longer));
        if (factor <= 1)
            return bitmap;
        using (bitmap)
        {
            var size = new SKImageInfo(picture.Width * factor, picture.Height * factor, SKColorType.Rgba8888, SKAlphaType.Opaque);
            return bitmap.Resize(size, new SKSamplingOptions(SKCubicResampler.CatmullRom));
        }
    }

    // The line lies inside the box's edge, so that it never leaves the picture; a thin dark or light line on both sides of it keeps it visible
    // on its own colour.
    private static void DrawBox(SKCanvas canvas, SKRectI box, SKColor color, float thickness)
    {
        float line = Math.Min(thickness, Math.Max(1, Math.Min(box.Width, box.Height) / 3f));
        var edge = new SKRect(box.Left, box.Top, box.Right, box.Bottom);
        edge.Inflate(-line / 2, -line / 2);
        using var paint = new SKPaint { IsAntialias = true, Style = SKPaintStyle.Stroke, StrokeJoin = SKStrokeJoin.Round };
        paint.Color = IsLight(color) ? new SKColor(0, 0, 0, 150) : new SKColor(255, 255, 255, 190);
        paint.StrokeWidth = line + 2;
        canvas.DrawRoundRect(edge, line, line, paint);
        paint.Color = color;
        paint.StrokeWidth = line;
        canvas.DrawRoundRect(edge, line, line, paint);
    }

    private static void DrawLabels(
        SKCanvas canvas, int width, int height, IReadOnlyList<(SKRectI Box, string Text, SKColor Color)> marks, StrokeFont font, float thickness)
    {
        var layout = new LabelLayout(width, height, [.. marks.Select(mark => mark.Box)]);
        foreach ((SKRectI box, string text, SKColor color) in marks)
        {
            if (text.Length == 0)
                continue;
            // Where the picture is crowded a shorter label may still find a place.
            for (double share = 0.6; share > 0.1; share /= 2)
            {
                LabelText label = LabelText.Fit(text, font, Math.Max(box.Width, share * width), Math.Min(width, height));
                if (layout.Place(box, label.Width, label.Height) is not { } place)
                    continue;
                DrawLabel(canvas, place, label, font, color, thickness);
                break;
            }
        }
    }

    private static void DrawLabel(SKCanvas canvas, SKRectI place, LabelText label, StrokeFont font, SKColor color, float thickness)
    {
        using var paint = new SKPaint { IsAntialias = true, Color = color };
        canvas.DrawRoundRect(new SKRect(place.Left, place.Top, place.Right, place.Bottom), thickness, thickness, paint);
        SKColor ink = IsLight(color) ? new SKColor(16, 16, 20) : SKColors.White;
        double baseline = place.Top + label.Padding + font.CapHeight;
        foreach (string line in label.Lines)
        {
            font.Draw(canvas, line, place.Left + label.Padding, Math.Round(baseline), ink);
            baseline += label.LineHeight;
        }
    }

    // Which of black and white letters stands out more, by relative luminance (WCAG 2): they tie at the geometric mean of white's and black's. The
    // limit is a little above it, for white letters read better on a saturated colour than the formula says.
    private static bool IsLight(SKColor color)
    {
        double luminance = (0.2126 * Linear(color.Red)) + (0.7152 * Linear(color.Green)) + (0.0722 * Linear(color.Blue));
        return (luminance + 0.05) * (luminance + 0.05) > 1.05 * 0.05 * 1.5;

        static double Linear(byte value)
        {
            double v = value / 255.0;
            return v <= 0.04045 ? v / 12.92 : Math.Pow((v + 0.055) / 1.055, 2.4);
        }
    }
}
