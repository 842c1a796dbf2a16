using Kosmos2.Engine;
using Kosmos2.Imaging;

namespace Kosmos2.Tests.Imaging;

internal sealed class PictureWriterTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("kosmos2-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_written_picture_is_read_back_byte_for_byte()
    {
        RgbImage picture = Noise(37, 23);
        string path = Path.Combine(_folder, "out.png");
        File.WriteAllText(path, "an older file");
        PictureWriter.SavePng(path, picture);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Picture.Load(path).Pixels, Is.EqualTo(picture.Pixels));
            Assert.That(Directory.GetFiles(_folder), Is.EqualTo(new[] { path }), "nothing else is left in the folder");
        }
    }

    [Test]
    public void A_missing_folder_is_named() =>
        Assert.That(() => PictureWriter.SavePng(Path.Combine(_folder, "no", "out.png"), Noise(2, 2)), Throws.TypeOf<PictureException>().With.Message.Contains("does not exist"));

    [Test]
    public void A_folder_in_the_files_place_is_named()
    {
        Assert.That(() => PictureWriter.SavePng(_folder, Noise(2, 2)), Throws.TypeOf<PictureException>().With.Message.Contains("is a folder"));
        Assert.That(Directory.GetParent(_folder)!.GetFiles(Path.GetFileName(_folder) + "*"), Is.Empty, "no temporary file is left");
    }

    [Test]
    public void A_crop_has_every_pixel_that_the_box_touches()
    {
        RgbImage picture = Noise(10, 8);
        RgbImage crop = PictureCropper.Crop(picture, new Box(0.25, 0.25, 0.75, 0.5)); // pixels 2.5 to 7.5, 2 to 4
        Assert.That((crop.Width, crop.Height), Is.EqualTo((6, 2)));
        for (int row = 0; row < 2; row++)
            Assert.That(crop.Pixels[(row * 18)..((row + 1) * 18)], Is.EqualTo(picture.Pixels[(3 * (((row + 2) * 10) + 2))..(3 * (((row + 2) * 10) + 8))]));
    }

    [TestCase(0, 0, 0, 0, 1, 1)]
    [TestCase(1, 1, 1, 1, 1, 1)]
    [TestCase(-5, -5, 7, 7, 10, 8)]
    [TestCase(0.9, 0.9, 0.1, 0.1, 8, 8)]
    [TestCase(2, 2, 3, 3, 1, 1)]
    [TestCase(double.NaN, 0, double.NaN, 1, 1, 8)]
    [TestCase(double.NegativeInfinity, 0, double.PositiveInfinity, 1, 10, 8)]
    public void A_crop_stays_inside_the_picture_and_has_a_pixel(double x1, double y1, double x2, double y2, int width, int height)
    {
        RgbImage crop = PictureCropper.Crop(Noise(10, 8), new Box(x1, y1, x2, y2));
        Assert.That((crop.Width, crop.Height), Is.EqualTo((width, height)));
    }

    internal static RgbImage Noise(int width, int height)
    {
        byte[] pixels = new byte[3 * width * height];
        new Random(width * height).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }
}
