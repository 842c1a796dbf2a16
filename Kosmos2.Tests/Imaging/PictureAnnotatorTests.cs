using Kosmos2.Engine;
using Kosmos2.Imaging;
using SkiaSharp;

namespace Kosmos2.Tests.Imaging;

internal sealed class PictureAnnotatorTests
{
    [Test]
    public void Without_boxes_the_picture_stays_as_it_is()
    {
        RgbImage picture = PictureWriterTests.Noise(500, 460);
        RgbImage drawn = PictureAnnotator.Annotate(picture, []);
        Assert.That(drawn.Pixels, Is.EqualTo(picture.Pixels));
        Assert.That(drawn.Pixels, Is.Not.SameAs(picture.Pixels));
    }

    [Test]
    public void A_small_picture_is_enlarged_by_a_whole_factor_unless_told_not_to()
    {
        RgbImage picture = PictureWriterTests.Noise(224, 150);
        RgbImage drawn = PictureAnnotator.Annotate(picture, []);
        RgbImage same = PictureAnnotator.Annotate(picture, [], new AnnotationOptions { MinimumSide = 0 });
        Assert.That((drawn.Width, drawn.Height), Is.EqualTo((672, 450)));
        Assert.That((same.Width, same.Height), Is.EqualTo((224, 150)));
    }

    [Test]
    public void A_box_is_drawn_in_its_phrases_colour_along_its_edges_only()
    {
        RgbImage drawn = PictureAnnotator.Annotate(Grey(500, 500), [Entity("a ring", new Box(0.2, 0.3, 0.6, 0.8))], new AnnotationOptions { Labels = false });
        SKColor color = ColorOf(0);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(At(drawn, 200, 151), Is.EqualTo(color), "the upper edge");
            Assert.That(At(drawn, 101, 300), Is.EqualTo(color), "the left edge");
            Assert.That(At(drawn, 298, 300), Is.EqualTo(color), "the right edge");
            Assert.That(At(drawn, 200, 398), Is.EqualTo(color), "the lower edge");
            Assert.That(At(drawn, 200, 300), Is.EqualTo(new SKColor(128, 128, 128)), "inside");
            Assert.That(At(drawn, 97, 300), Is.EqualTo(new SKColor(128, 128, 128)), "outside");
        }
    }

    [Test]
    public void All_boxes_of_a_phrase_have_one_colour_and_phrases_differ()
    {
        RgbImage drawn = PictureAnnotator.Annotate(Grey(500, 500),
            [Entity("two rings", new Box(0.1, 0.1, 0.3, 0.3), new Box(0.5, 0.1, 0.7, 0.3)), Entity("a star", new Box(0.1, 0.6, 0.3, 0.8))], new AnnotationOptions { Labels = false });
        Assert.That(At(drawn, 51, 100), Is.EqualTo(At(drawn, 251, 100)));
        Assert.That(At(drawn, 51, 350), Is.EqualTo(ColorOf(1)).And.Not.EqualTo(At(drawn, 51, 100)));
    }

    [TestCase(1, 1)]
    [TestCase(1, 3000)]
    [TestCase(3000, 2)]
    [TestCase(33, 21)]
    public void Odd_pictures_and_odd_boxes_are_drawn_without_a_complaint(int width, int height)
    {
        GroundedEntity[] entities =
        [
            Entity("a very long phrase without an end that nobody would ever want to read on a picture of this size", new Box(0, 0, 1, 1)),
            Entity("中文 \u0001\n emoji 😀", new Box(0.5, 0.5, 0.5, 0.5)), Entity("out of order", new Box(0.9, 0.9, 0.1, 0.1)), Entity("outside", new Box(2, 2, 3, 3)),
            Entity("", new Box(0, 0, 0.5, 0.5)), Entity("nan", new Box(double.NaN, double.NaN, double.NaN, double.NaN)),
        ];
        RgbImage small = PictureAnnotator.Annotate(Grey(width, height), entities, new AnnotationOptions { MinimumSide = 0 });
        Assert.That((small.Width, small.Height), Is.EqualTo((width, height)));
        Assert.That(() => PictureAnnotator.Annotate(Grey(width, height), entities), Throws.Nothing);
    }

    [Test]
    public void Labels_never_overlap_nor_leave_the_picture()
    {
        var random = new Random(11);
        for (int round = 0; round < 200; round++)
        {
            int width = random.Next(60, 800), height = random.Next(60, 800), unplaced = 0;
            SKRectI[] boxes = [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => SKRectI.Create(random.Next(width - 8), random.Next(height - 8), random.Next(1, width), random.Next(1, height)))];
            var layout = new LabelLayout(width, height, boxes);
            foreach (SKRectI box in boxes)
                unplaced += layout.Place(box, random.Next(10, 120), random.Next(10, 40)) is null ? 1 : 0;

            Assert.That(layout.Placed, Has.Count.EqualTo(boxes.Length - unplaced));
            Assert.That(layout.Placed, Has.All.Matches<SKRectI>(label => label.Left >= 0 && label.Top >= 0 && label.Right <= width && label.Bottom <= height));
            for (int i = 0; i < layout.Placed.Count; i++)
                Assert.That(layout.Placed.Skip(i + 1), Has.None.Matches<SKRectI>(other => other.IntersectsWith(layout.Placed[i])), $"round {round}, label {i}");
        }
    }

    [Test]
    public void A_label_goes_above_its_box_and_below_where_there_is_no_room_above()
    {
        var layout = new LabelLayout(400, 400, []);
        Assert.That(layout.Place(SKRectI.Create(100, 100, 50, 50), 60, 20), Is.EqualTo(SKRectI.Create(100, 80, 60, 20)));
        Assert.That(layout.Place(SKRectI.Create(100, 5, 50, 50), 60, 20), Is.EqualTo(SKRectI.Create(100, 55, 60, 20)));
    }

    [Test]
    public void A_long_phrase_is_wrapped_and_then_cut_with_an_ellipsis()
    {
        var font = new StrokeFont(16);
        LabelText one = LabelText.Fit("a red ring", font, 300, 400), two = LabelText.Fit("a red ring beside the square", font, 140, 400);
        LabelText cut = LabelText.Fit("a red ring beside the square and so on and so forth", font, 140, 400), word = LabelText.Fit(new string('w', 90), font, 140, 400);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(one.Lines, Is.EqualTo(new[] { "a red ring" }));
            Assert.That(two.Lines, Is.EqualTo(new[] { "a red ring beside", "the square" }));
            Assert.That(cut.Lines, Has.Count.EqualTo(2).And.Some.EndsWith("…"));
            Assert.That(word.Lines, Has.Count.EqualTo(2));
            Assert.That(new[] { two.Width, cut.Width, word.Width }, Has.All.LessThanOrEqualTo(140));
        }
    }

    [Test]
    public void The_font_has_ASCII_and_Latin_1_and_draws_every_character()
    {
        char[] wanted = [.. Enumerable.Range(32, 95).Select(i => (char)i), .. "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ…“”‘’–—"];
        var font = new StrokeFont(24);
        using var bitmap = new SKBitmap(60, 60, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var canvas = new SKCanvas(bitmap);
        var seen = new Dictionary<string, char>();
        foreach (char character in wanted)
        {
            Assert.That(StrokeFont.Has(character), $"{character}");
            canvas.Clear(SKColors.White);
            font.Draw(canvas, character.ToString(), 20, 36, SKColors.Black);
            Assert.That(bitmap.GetPixelSpan().IndexOfAnyExcept((byte)255) >= 0, Is.EqualTo(character != ' '), $"{character} is drawn");
            if (char.IsAscii(character))
                Assert.That(seen.TryAdd(Convert.ToBase64String(bitmap.GetPixelSpan()), character), $"{character} looks like no other");
        }
    }

    private static GroundedEntity Entity(string name, params Box[] boxes) => new(name, new TextSpan(0, name.Length), new TextSpan(0, name.Length), boxes);

    private static RgbImage Grey(int width, int height)
    {
        byte[] pixels = new byte[3 * width * height];
        pixels.AsSpan().Fill(128);
        return new RgbImage(width, height, pixels);
    }

    private static SKColor ColorOf(int phrase)
    {
        (byte red, byte green, byte blue) = PictureAnnotator.ColorOf(phrase);
        return new SKColor(red, green, blue);
    }

    private static SKColor At(RgbImage picture, int x, int y)
    {
        ReadOnlySpan<byte> pixel = picture.Pixels.AsSpan(3 * ((y * picture.Width) + x), 3);
        return new SKColor(pixel[0], pixel[1], pixel[2]);
    }
}
