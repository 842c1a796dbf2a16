using System.Text;
using SkiaSharp;

namespace Kosmos2.Imaging;

/// <summary>
/// A font made of round strokes, for labels on machines that have no font: ASCII, the letters of Latin-1 and most of the central European ones.
/// Anything else is drawn as an empty box, one a character.
/// </summary>
internal sealed class StrokeFont
{
    // The units of StrokeFontGlyphs.
    private const double Baseline = 14, Descender = 18.6, UnitsPerSize = 20;

    private static readonly Dictionary<char, Glyph> Glyphs = Build();
    private readonly double _scale;

    /// <summary>The font at a size.</summary>
    /// <param name="size">Pixels from the top of an accented capital to the bottom of a descender; capitals are 0.7 of it.</param>
    public StrokeFont(double size)
    {
        Size = size;
        _scale = size / UnitsPerSize;
    }

    /// <summary>Pixels.</summary>
    public double Size { get; }

    /// <summary>Pixels from the top of a capital to the baseline.</summary>
    public double CapHeight => Baseline * _scale;

    /// <summary>Pixels from the baseline to the bottom of a descender.</summary>
    public double Depth => (Descender - Baseline) * _scale;

    /// <summary>Width of a text in pixels.</summary>
    public double Measure(string text)
    {
        double width = 0;
        foreach (Rune rune in text.EnumerateRunes())
            width += Find(rune).Advance;
        return width * _scale;
    }

    /// <summary>Draws a text with its baseline's left end at (x, y).</summary>
    public void Draw(SKCanvas canvas, string text, double x, double y, SKColor color)
    {
        using var paint = new SKPaint
        {
            Color = color,
            IsAntialias = true,
            Style = SKPaintStyle.Stroke,
            StrokeCap = SKStrokeCap.Round,
            StrokeJoin = SKStrokeJoin.Round,
            StrokeWidth = 2.2f,
        };
        double pen = x;
        foreach (Rune rune in text.EnumerateRunes())
        {
            Glyph glyph = Find(rune);
            canvas.Save();
            canvas.Translate((float)(pen + (glyph.Before * _scale)), (float)(y - CapHeight));
            canvas.Scale((float)_scale);
            canvas.DrawPath(glyph.Path, paint);
            canvas.Restore();
            pen += glyph.Advance * _scale;
        }
    }

    /// <summary>Whether a character has lines of its own.</summary>
    internal static bool Has(char character) => Glyphs.ContainsKey(character);

    private static Glyph Find(Rune rune) =>
        rune.IsBmp && Glyphs.TryGetValue((char)rune.Value, out Glyph? glyph) ? glyph : Glyphs['\uFFFD'];

    private static Dictionary<char, Glyph> Build()
    {
        var glyphs = new Dictionary<char, Glyph>();
        foreach ((char character, double before, double width, double after, string lines) in StrokeFontGlyphs.All)
            glyphs[character] = new Glyph(SKPath.ParseSvgPathData(lines), before, width, after);
        Dictionary<char, string> accents = StrokeFontGlyphs.Accents.ToDictionary(accent => accent.Accent, accent => accent.Lines);
        for (int i = 0; i < StrokeFontGlyphs.Composed.Length; i += 3)
        {
            char composed = StrokeFontGlyphs.Composed[i], letter = StrokeFontGlyphs.Composed[i + 1], accent = StrokeFontGlyphs.Composed[i + 2];
            bool below = accent is '¸' or '˛';
            glyphs[composed] = glyphs[letter].With(accents[accent], raised: char.IsAsciiLetterUpper(letter) && !below);
        }
        for (int i = 0; i < StrokeFontGlyphs.Alike.Length; i += 2)
            glyphs[StrokeFontGlyphs.Alike[i]] = glyphs[StrokeFontGlyphs.Alike[i + 1]];
        return glyphs;
    }

    private sealed record Glyph(SKPath Path, double Before, double Width, double After)
    {
        public double Advance => Before + Width + After;

        public Glyph With(string accent, bool raised)
        {
            using SKPath mark = SKPath.ParseSvgPathData(accent);
            using var both = new SKPathBuilder(Path);
            both.AddPath(mark, (float)(Width / 2), raised ? -4.3f : 0);
            return this with { Path = both.Detach() };
        }
    }
}
