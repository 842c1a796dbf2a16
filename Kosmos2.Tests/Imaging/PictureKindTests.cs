using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Kosmos2.Engine;
using Kosmos2.Imaging;
using SkiaSharp;

namespace Kosmos2.Tests.Imaging;

/// <summary>Pictures of many kinds against what Pillow makes of them (Data/pictures, written by tools/reference/golden_pictures.py).</summary>
internal sealed class PictureKindTests
{
    // The kind that differs from Pillow by one step: docs/pictures.md says why.
    private static readonly string[] Different = ["rgb555.bmp"];

    // Of Image.open(...).convert("RGB").tobytes(), Pillow 9.4.
    private static readonly Dictionary<string, string> Sha256 = new()
    {
        ["1-64x64.png"] = "2f334b198d64",
        ["l-100x80.png"] = "3f9465209802",
        ["l-200x150.jpg"] = "9151c37ff7a7",
        ["la-90x120.png"] = "b85c601ec5ef",
        ["p-120x130.gif"] = "2c209ce24007",
        ["p-50x70.png"] = "c4ec16363d84",
        ["rgb-1x1.png"] = "02b2f64bf696",
        ["rgb-223x225.png"] = "1fa8bef46fd4",
        ["rgb-224x224.png"] = "199fd872012f",
        ["rgb-2x3.png"] = "61a780846ca2",
        ["rgb-300x200.webp"] = "68f5b3f6b3da",
        ["rgb-333x517.jpg"] = "eb02f30de02e",
        ["rgb-640x5.png"] = "c8a6abd42835",
        ["rgb-7x400.png"] = "6cd25588b8b1",
        ["rgb-80x60.bmp"] = "c3545384c550",
        ["rgba-61x47.png"] = "437129f4bd66",
    };

    [TestCaseSource(nameof(Names))]
    public void A_picture_has_the_bytes_that_Pillow_gives(string name)
    {
        RgbImage expected = ReadPpm(TestData.File("pictures", name + ".ppm"));
        RgbImage actual = Picture.Load(TestData.File("pictures", name));
        Assert.That(Difference(actual, expected), Is.EqualTo((0, 0)), "bytes that differ, and the largest difference");
    }

    [Test]
    public void The_processors_odd_pictures_have_the_bytes_that_Pillow_gives()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach ((string name, string sha256) in Sha256)
            {
                RgbImage picture = Picture.Load(TestData.File("processor", "images", name));
                Assert.That(Convert.ToHexStringLower(SHA256.HashData(picture.Pixels)), Does.StartWith(sha256), name);
            }
        }
    }

    [TestCase("corgi.jpg", "5f0af9f9e88c")]
    [TestCase("man_ball.png", "1511886a01d9")]
    [TestCase("snowman.png", "12c143c8e42b")]
    [TestCase("two_dogs.jpg", "3e9a6cb17171")]
    public void The_demo_pictures_have_the_bytes_that_Pillow_gives(string name, string sha256)
    {
        RgbImage picture = Picture.Load(TestData.Shared("images", name));
        Assert.That(Convert.ToHexStringLower(SHA256.HashData(picture.Pixels)), Does.StartWith(sha256));
    }

    [Test]
    public void A_16_bit_bitmap_is_within_one_step_of_Pillow()
    {
        RgbImage expected = ReadPpm(TestData.File("pictures", "rgb555.bmp.ppm"));
        RgbImage actual = Picture.Load(TestData.File("pictures", "rgb555.bmp"));
        Assert.That(Difference(actual, expected).Largest, Is.EqualTo(1));
    }

    [TestCase(0, 0)]
    [TestCase(5, 5)]
    public void A_GIF_whose_first_frame_is_larger_than_its_header_says_is_as_large_as_that_frame(byte width, byte height)
    {
        byte[] gif = File.ReadAllBytes(TestData.File("processor", "images", "p-120x130.gif"));
        RgbImage whole = Picture.Load(gif);
        (gif[6], gif[7], gif[8], gif[9]) = (width, 0, height, 0);
        RgbImage enlarged = Picture.Load(gif);
        Assert.That((enlarged.Width, enlarged.Height), Is.EqualTo((120, 130)));
        Assert.That(enlarged.Pixels, Is.EqualTo(whole.Pixels));
    }

    [Test]
    public void A_GIF_whose_first_frame_lies_beyond_its_header_is_enlarged_by_what_is_beyond()
    {
        const int Left = 5, Top = 3;
        byte[] gif = File.ReadAllBytes(TestData.File("processor", "images", "p-120x130.gif"));
        RgbImage whole = Picture.Load(gif);
        ReadOnlySpan<byte> descriptor = [0x2C, 0, 0, 0, 0, 120, 0, 130, 0];
        int frame = gif.AsSpan().IndexOf(descriptor);
        (gif[frame + 1], gif[frame + 3]) = (Left, Top);
        RgbImage shifted = Picture.Load(gif);
        Assert.That((shifted.Width, shifted.Height), Is.EqualTo((120 + Left, 130 + Top)));
        byte[] inner = [.. Enumerable.Range(0, 130).SelectMany(y => shifted.Pixels.AsSpan(3 * (((y + Top) * shifted.Width) + Left), 3 * 120).ToArray())];
        Assert.That(inner, Is.EqualTo(whole.Pixels));
    }

    [TestCase("exif-6.jpg")]
    [TestCase("exif-4.jpg")]
    public void The_EXIF_orientation_is_applied_only_on_request(string name)
    {
        RgbImage stored = Picture.Load(TestData.File("pictures", name));
        RgbImage upright = Picture.Load(TestData.File("pictures", name), new PictureOptions { ApplyExifOrientation = true });
        Assert.That((stored.Width, stored.Height), Is.EqualTo((41, 29)));
        Assert.That(Difference(upright, ReadPpm(TestData.File("pictures", name + ".upright.ppm"))), Is.EqualTo((0, 0)));
    }

    [TestCase(1, "012345")]
    [TestCase(2, "210543")]
    [TestCase(3, "543210")]
    [TestCase(4, "345012")]
    [TestCase(5, "031425")]
    [TestCase(6, "304152")]
    [TestCase(7, "524130")]
    [TestCase(8, "251403")]
    public void Each_EXIF_orientation_turns_the_pixels_as_the_standard_says(int tag, string order)
    {
        byte[] pixels = [.. Enumerable.Range(0, 18).Select(i => (byte)(i / 3))];
        RgbImage upright = Orientation.Apply(new RgbImage(3, 2, pixels), (SKEncodedOrigin)tag);
        Assert.That(string.Concat(upright.Pixels.Where((_, i) => i % 3 == 0)), Is.EqualTo(order));
        Assert.That((upright.Width, upright.Height), Is.EqualTo(tag < 5 ? (3, 2) : (2, 3)));
    }

    [Test]
    public void Memory_and_streams_give_what_files_give()
    {
        string path = TestData.File("pictures", "palette-transparent.png");
        RgbImage file = Picture.Load(path);
        using FileStream stream = File.OpenRead(path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Picture.Load(File.ReadAllBytes(path)).Pixels, Is.EqualTo(file.Pixels));
            Assert.That(Picture.Load(stream).Pixels, Is.EqualTo(file.Pixels));
        }
    }

    private static IEnumerable<string> Names() => Directory.GetFiles(TestData.File("pictures"), "*.ppm")
        .Where(path => !path.EndsWith(".upright.ppm", StringComparison.Ordinal))
        .Select(path => Path.GetFileNameWithoutExtension(path)).Except(Different).Order(StringComparer.Ordinal);

    private static (int Differing, int Largest) Difference(RgbImage actual, RgbImage expected)
    {
        Assert.That((actual.Width, actual.Height), Is.EqualTo((expected.Width, expected.Height)));
        int[] differences = [.. actual.Pixels.Zip(expected.Pixels, (a, b) => Math.Abs(a - b))];
        return (differences.Count(difference => difference > 0), differences.Max());
    }

    /// <summary>Binary portable pixmap: "P6 width height 255" and the bytes.</summary>
    internal static RgbImage ReadPpm(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int at = 0;
        string Word()
        {
            int start = at;
            while (!char.IsWhiteSpace((char)bytes[at]))
                at++;
            return Encoding.ASCII.GetString(bytes, start, at++ - start);
        }
        Assert.That(Word(), Is.EqualTo("P6"));
        int width = int.Parse(Word(), CultureInfo.InvariantCulture), height = int.Parse(Word(), CultureInfo.InvariantCulture);
        Assert.That(Word(), Is.EqualTo("255"));
        return new RgbImage(width, height, bytes[at..]);
    }
}
