using System.Security.Cryptography;
using Kosmos2.Engine;
using Kosmos2.Engine.Processing;
using Kosmos2.Imaging;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine.Processing;

internal sealed class ImageProcessorTests
{
    [Test]
    public void A_large_picture_has_the_hash_of_pillows_result()
    {
        RgbImage resized = new Kosmos2ImageProcessor().Resize(Picture.Load(TestData.Shared("images", "snowman.png")));
        Assert.That(Convert.ToHexStringLower(SHA256.HashData(resized.Pixels)), Is.EqualTo("18a4b62fc8cf74e6e30c4425c8c86cbeab3079789c21758bf31ea05133626625"));
    }

    [TestCase(0, 0, -1.7922625541687012f)]
    [TestCase(0, 128, 0.07633614540100098f)]
    [TestCase(0, 255, 1.9303361177444458f)]
    [TestCase(1, 128, 0.16889731585979462f)]
    [TestCase(2, 255, 2.1458969116210938f)]
    public void A_byte_becomes_the_very_float(int channel, byte value, float expected) =>
        Assert.That(new Kosmos2ImageProcessor().Process(Plain(1, 1, value))[0][channel * 224 * 224], Is.EqualTo(expected));

    [Test]
    public void Scaling_and_normalisation_can_be_left_out()
    {
        RgbImage image = Plain(3, 2, 51);
        var neither = new PreprocessorConfig { DoResize = false, DoCenterCrop = false, DoRescale = false, DoNormalize = false };
        Assert.That(new Kosmos2ImageProcessor(neither).Process(image).Values, Is.All.EqualTo(51f));
        Assert.That(new Kosmos2ImageProcessor(neither with { DoRescale = true }).Process(image).Values, Is.All.EqualTo(0.2f));
        Assert.That(new Kosmos2ImageProcessor(neither with { DoNormalize = true }).Process(image).Values[0], Is.EqualTo((51f - 0.48145466f) / 0.26862954f));
    }

    // Of the other side's length the fraction is cut, as Python's int() does: 5 * 640 / 7 = 457.14, 224 * 517 / 333 = 347.8.
    [TestCase(640, 7, 5, 457, 5)]
    [TestCase(333, 517, 224, 224, 347)]
    [TestCase(100, 100, 30, 30, 30)]
    public void The_shortest_edge_is_met_and_proportions_stay(int width, int height, int edge, int outWidth, int outHeight)
    {
        var config = new PreprocessorConfig { Size = ResizeTarget.ShorterSide(edge), DoCenterCrop = false };
        PixelValues values = new Kosmos2ImageProcessor(config).Process(Plain(width, height, 9));
        Assert.That((values.Width, values.Height), Is.EqualTo((outWidth, outHeight)));
    }

    // One row of pixels 1, 2, 3 ... whose middle is cut out. As in Hugging Face an odd margin is smaller in front, an odd border larger.
    [TestCase(5, 3, new[] { 2, 3, 4 })]
    [TestCase(6, 3, new[] { 2, 3, 4 })]
    [TestCase(3, 3, new[] { 1, 2, 3 })]
    [TestCase(2, 5, new[] { 0, 0, 1, 2, 0 })]
    [TestCase(1, 4, new[] { 0, 0, 1, 0 })]
    public void The_middle_is_cut_out_and_padded_with_black(int width, int crop, int[] expected)
    {
        var config = new PreprocessorConfig { DoResize = false, CropWidth = crop, CropHeight = 1 };
        byte[] pixels = [.. Enumerable.Range(3, width * 3).Select(i => (byte)(i / 3))];
        byte[] cropped = new Kosmos2ImageProcessor(config).Resize(new RgbImage(width, 1, pixels)).Pixels;
        Assert.That(cropped.Where((_, i) => i % 3 == 0), Is.EqualTo(expected));
    }

    [Test]
    public void A_crop_of_a_resized_picture_is_a_part_of_it([Range(0, 5)] int resample)
    {
        RgbImage image = Noise(61, 47, seed: resample);
        var whole = new PreprocessorConfig { Size = ResizeTarget.Exactly(50, 40), Resample = resample, DoCenterCrop = false };
        RgbImage full = new Kosmos2ImageProcessor(whole).Resize(image);
        RgbImage part = new Kosmos2ImageProcessor(whole with { DoCenterCrop = true, CropHeight = 20, CropWidth = 10 }).Resize(image);
        for (int y = 0; y < 20; y++)
        {
            Assert.That(
                part.Pixels.AsSpan(y * 10 * 3, 10 * 3).SequenceEqual(full.Pixels.AsSpan((((15 + y) * 40) + 15) * 3, 10 * 3)), Is.True, $"row {y}");
        }
    }

    [Test]
    public void Pictures_of_one_batch_are_each_as_alone()
    {
        var processor = new Kosmos2ImageProcessor();
        RgbImage[] images = [Noise(30, 40, 1), Noise(400, 3, 2), Noise(224, 224, 3)];
        PixelValues batch = processor.Process(images);
        for (int i = 0; i < images.Length; i++)
            Assert.That(batch[i].SequenceEqual(processor.Process(images[i]).Values), Is.True, $"picture {i}");
    }

    [Test]
    public void What_cannot_be_done_is_refused()
    {
        var loose = new Kosmos2ImageProcessor(new PreprocessorConfig { Size = ResizeTarget.ShorterSide(224), DoCenterCrop = false });
        Assert.That(() => loose.Process(Array.Empty<RgbImage>()), Throws.ArgumentException);
        Assert.That(() => loose.Process(Plain(10, 20, 1), Plain(20, 10, 1)), Throws.ArgumentException.With.Message.Contains("one size"));
        Assert.That(() => loose.Process(Plain(1, 100_000, 1)), Throws.ArgumentException.With.Message.Contains("too large"));
        Assert.That(() => loose.Process(Plain(Kosmos2ImageProcessor.MaxSide + 1, 1, 1)), Throws.ArgumentException.With.Message.Contains("too long"));
        Assert.That(() => new Kosmos2ImageProcessor(new PreprocessorConfig { Resample = 6 }), Throws.ArgumentException.With.Message.Contains("filter 6"));
        Assert.That(() => new Kosmos2ImageProcessor(new PreprocessorConfig { ImageMean = [0.5] }), Throws.ArgumentException.With.Message.Contains("three"));
    }

    // What becomes of floats is compared with Hugging Face by image_processor.jsonl; this is that the three ways in agree.
    [Test]
    public void Floats_in_either_order_become_what_their_bytes_become()
    {
        RgbImage image = Noise(31, 23, seed: 4);
        float[] last = [.. image.Pixels.Select(value => (float)value)];
        float[] first = [.. Enumerable.Range(0, last.Length).Select(i => last[(i % (31 * 23) * 3) + (i / (31 * 23))])];
        float[] expected = new Kosmos2ImageProcessor().Process(image).Values;
        Assert.That(new Kosmos2ImageProcessor().Process(new FloatImage(last, 23, 31, 3)).Values, Is.EqualTo(expected));
        Assert.That(new Kosmos2ImageProcessor().Process(new FloatImage(first, 3, 23, 31)).Values, Is.EqualTo(expected));
        Assert.That(new FloatImage(first, 3, 23, 31).ToRgb().Pixels, Is.EqualTo(image.Pixels));
    }

    [Test]
    public void Fractions_become_the_bytes_of_hugging_face_and_with_them_its_pixel_values()
    {
        var random = new Random(8);
        var fractions = new FloatImage([.. Enumerable.Range(0, 40 * 30 * 3).Select(_ => random.NextSingle())], 40, 30, 3);
        var asHuggingFaceAdvises = new Kosmos2ImageProcessor(new PreprocessorConfig { DoRescale = false });
        Assert.That(new Kosmos2ImageProcessor().Process(fractions.ToRgb()).Values, Is.EqualTo(asHuggingFaceAdvises.Process(fractions).Values));
    }

    [Test]
    public void An_array_of_one_pixel_works()
    {
        Assert.That(new Kosmos2ImageProcessor().Process(new FloatImage([10, 20, 30], 1, 1, 3)).Values, Has.Length.EqualTo(3 * 224 * 224));
        Assert.That(new FloatImage([10, 20, 30], 3, 1, 1).ToRgb().Pixels, Is.EqualTo(new byte[] { 10, 20, 30 }));
    }

    [Test]
    public void An_array_that_may_have_its_channels_first_or_last_must_say_which()
    {
        Assert.That(() => new FloatImage(new float[27], 3, 3, 3), Throws.ArgumentException.With.Message.Contains("say which"));
        Assert.That(new FloatImage(new float[27], 3, 3, 3, ChannelOrder.First).Order, Is.EqualTo(ChannelOrder.First));
        Assert.That(new FloatImage(new float[15], 3, 5, 1).Order, Is.EqualTo(ChannelOrder.First));
        Assert.That(new FloatImage(new float[15], 1, 5, 3).Order, Is.EqualTo(ChannelOrder.Last));
    }

    [TestCase(2, 2, 4, 16, null, "three channels first or last")]
    [TestCase(3, 2, 4, 24, ChannelOrder.Last, "three channels last")]
    [TestCase(2, 2, 3, 13, null, "does not have 13 values")]
    [TestCase(0, 2, 3, 0, null, "does not have 0 values")]
    [TestCase(1 << 30, 4, 3, 12, null, "does not have 12 values")]
    public void An_array_without_three_channels_is_refused(int first, int second, int third, int values, ChannelOrder? order, string message) =>
        Assert.That(() => new FloatImage(new float[values], first, second, third, order), Throws.ArgumentException.With.Message.Contains(message));

    [TestCase(0.5f, 2f, "from 0.5 to 2 and are not whole")]
    [TestCase(-1f, 0f, "from -1 to 0")]
    [TestCase(0f, 256f, "from 0 to 256")]
    [TestCase(0f, float.NaN, "NaN")]
    [TestCase(0f, float.PositiveInfinity, "finite")]
    public void Values_that_are_neither_fractions_nor_bytes_are_refused(float a, float b, string message) =>
        Assert.That(() => new FloatImage([a, b, a], 1, 1, 3).ToRgb(), Throws.ArgumentException.With.Message.Contains(message));

    [TestCase(1, 1_000_000)]
    [TestCase(1_000_000, 1)]
    [TestCase(1, 1)]
    public void Any_shape_of_picture_is_squashed(int width, int height) =>
        Assert.That(new Kosmos2ImageProcessor().Resize(Plain(width, height, 77)).Pixels, Is.All.EqualTo(77));

    private static RgbImage Plain(int width, int height, byte value)
    {
        byte[] pixels = new byte[width * height * 3];
        pixels.AsSpan().Fill(value);
        return new RgbImage(width, height, pixels);
    }

    private static RgbImage Noise(int width, int height, int seed)
    {
        byte[] pixels = new byte[width * height * 3];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }
}
