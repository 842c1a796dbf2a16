using System.Buffers.Binary;
using System.Runtime.Versioning;
using Kosmos2.Engine;
using Kosmos2.Imaging;

namespace Kosmos2.Tests.Imaging;

/// <summary>What is refused, and that the refusal is one line that names the file.</summary>
internal sealed class PictureErrorTests
{
    private static readonly string[] Kinds = ["rgba.png", "rgb-interlaced.png", "j420.jpg", "progressive.jpg", "animated.gif", "lossy.webp", "rgba.bmp"];

    [Test]
    public void A_missing_file_is_named() => Refused("/nowhere/at-all.png", "no such file");

    [Test]
    public void A_folder_is_no_picture() => Refused(TestData.Root, "is a folder");

    [Test]
    public void A_file_that_may_not_be_read_says_so()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
            Assert.Inconclusive("not run: this user may read every file");
        else
            RefusedWithoutPermission();
    }

    [UnsupportedOSPlatform("windows")]
    private static void RefusedWithoutPermission()
    {
        string path = Path.GetTempFileName();
        File.SetUnixFileMode(path, UnixFileMode.None);
        try
        {
            Refused(path, "no permission");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void A_file_that_is_locked_says_so()
    {
        string path = Path.GetTempFileName();
        using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            Refused(path, "cannot be read: ");
        File.Delete(path);
    }

    [Test]
    public void An_empty_file_is_refused() => Assert.That(() => Picture.Load([]), Throws.TypeOf<PictureException>().With.Message.Contains("0 bytes"));

    [Test]
    public void Text_is_no_picture() =>
        Assert.That(() => Picture.Load("hello, I am not a picture at all"u8, name: "x.png"), Throws.TypeOf<PictureException>().With.Message.StartsWith("x.png: is not a picture"));

    [Test]
    public void A_kind_that_only_the_decoder_knows_is_no_picture()
    {
        byte[] wbmp = [0, 0, 8, 2, 0xAA, 0x55];
        Assert.That(() => Picture.Load(wbmp, name: "x.wbmp"), Throws.TypeOf<PictureException>().With.Message.StartsWith("x.wbmp: is not a picture of a kind that is read here"));
    }

    [Test]
    public void A_header_of_30000_by_30000_is_refused_before_decoding()
    {
        byte[] png = Huge(30_000, 30_000);
        Assert.That(() => Picture.Load(png, name: "huge.png"), Throws.TypeOf<PictureException>().With.Message.Contains("900,000,000 pixels").And.Message.Contains("178,956,970"));
    }

    [Test]
    public void The_pixel_limit_is_adjustable()
    {
        byte[] png = File.ReadAllBytes(TestData.File("pictures", "rgba.png"));
        Assert.That(() => Picture.Load(png, new PictureOptions { MaxPixels = (41 * 29) - 1 }), Throws.TypeOf<PictureException>().With.Message.Contains("1,189 pixels"));
        Assert.That(Picture.Load(png, new PictureOptions { MaxPixels = 41 * 29 }).Width, Is.EqualTo(41));
    }

    [Test]
    public void The_byte_limit_is_adjustable() =>
        Assert.That(() => Picture.Load(TestData.File("pictures", "rgba.png"), new PictureOptions { MaxBytes = 100 }), Throws.TypeOf<PictureException>().With.Message.Contains("100 bytes"));

    [TestCaseSource(nameof(Kinds))]
    public void A_picture_cut_short_is_refused_at_every_length(string name)
    {
        byte[] bytes = File.ReadAllBytes(TestData.File("pictures", name));
        RgbImage whole = Picture.Load(bytes);
        for (int length = 0; length < bytes.Length; length++)
        {
            try
            {
                // Only the marks after the last pixel may be missing.
                Assert.That(Picture.Load(bytes.AsSpan(0, length)).Pixels, Is.EqualTo(whole.Pixels), $"{name}: {length} of {bytes.Length} bytes");
            }
            catch (PictureException e)
            {
                Assert.That(e.Message, Does.Not.Contain('\n'));
            }
        }
        Assert.That(() => Picture.Load(bytes.AsSpan(0, bytes.Length / 2)), Throws.TypeOf<PictureException>());
    }

    [TestCaseSource(nameof(Kinds))]
    public void Bytes_after_the_end_are_tolerated(string name)
    {
        byte[] bytes = File.ReadAllBytes(TestData.File("pictures", name));
        Assert.That(Picture.Load([.. bytes, .. "garbage after the end"u8]).Pixels, Is.EqualTo(Picture.Load(bytes).Pixels));
    }

    [TestCaseSource(nameof(Kinds))]
    public void A_damaged_picture_gives_pixels_or_the_typed_exception(string name)
    {
        byte[] bytes = File.ReadAllBytes(TestData.File("pictures", name));
        var random = new Random(7);
        for (int round = 0; round < 400; round++)
        {
            byte[] damaged = [.. bytes];
            for (int change = 0; change <= round % 4; change++)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                RgbImage picture = Picture.Load(damaged, new PictureOptions { MaxPixels = 1_000_000 });
                Assert.That(picture.Pixels, Has.Length.EqualTo(picture.Width * picture.Height * 3));
            }
            catch (PictureException e)
            {
                Assert.That(e.Message, Does.StartWith("picture: "));
            }
        }
    }

    /// <summary>A PNG whose header claims a size, with hardly any data.</summary>
    internal static byte[] Huge(int width, int height)
    {
        byte[] png = File.ReadAllBytes(TestData.File("pictures", "rgb-gamma-1.png"));
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), Crc32(png.AsSpan(12, 17)));
        return png;
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }

    private static void Refused(string path, string reason) =>
        Assert.That(() => Picture.Load(path), Throws.TypeOf<PictureException>().With.Message.StartsWith(path + ": ").And.Message.Contains(reason));
}
