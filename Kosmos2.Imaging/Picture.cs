using Kosmos2.Engine;
using SkiaSharp;

namespace Kosmos2.Imaging;

/// <summary>
/// Reads pictures (PNG, JPEG, GIF, WebP, BMP, ICO) to the bytes that Pillow's <c>Image.open(...).convert("RGB")</c> gives: alpha is dropped,
/// not blended; colour profiles and gamma are ignored; of an animation the first frame is taken.
/// </summary>
public static class Picture
{
    // Skia knows more of them, which nobody has set beside Pillow.
    private static readonly SKEncodedImageFormat[] Kinds =
        [SKEncodedImageFormat.Png, SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Gif, SKEncodedImageFormat.Webp, SKEncodedImageFormat.Bmp, SKEncodedImageFormat.Ico];

    /// <summary>Reads a picture file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Limits and orientation; null for the defaults.</param>
    /// <exception cref="PictureException">The file is missing, unreadable, no picture, damaged, cut short or too large.</exception>
    public static RgbImage Load(string path, PictureOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new PictureOptions();
        return Decode(ReadFile(path, options), path, options);
    }

    /// <summary>Reads a picture from memory.</summary>
    /// <param name="data">The encoded picture.</param>
    /// <param name="options">Limits and orientation; null for the defaults.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="PictureException">The bytes are no picture, damaged, cut short or too large.</exception>
    public static RgbImage Load(ReadOnlySpan<byte> data, PictureOptions? options = null, string name = "picture") =>
        Decode(data, name, options ?? new PictureOptions());

    /// <summary>Reads a picture from a stream, to its end.</summary>
    /// <param name="stream">The encoded picture; it is left open.</param>
    /// <param name="options">Limits and orientation; null for the defaults.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="PictureException">The bytes are no picture, damaged, cut short or too large.</exception>
    public static RgbImage Load(Stream stream, PictureOptions? options = null, string name = "picture")
    {
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new PictureOptions();
        return Decode(ReadToEnd(stream, name, options.MaxBytes), name, options);
    }

    private static byte[] ReadFile(string path, PictureOptions options)
    {
        if (Directory.Exists(path))
            throw new PictureException($"{path}: is a folder, not a picture");
        try
        {
            using FileStream file = File.OpenRead(path);
            return ReadToEnd(file, path, options.MaxBytes);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PictureException($"{path}: no such file", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new PictureException($"{path}: no permission to read it", e);
        }
        catch (IOException e) when (e is not PictureException)
        {
            throw new PictureException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    private static byte[] ReadToEnd(Stream stream, string name, long limit)
    {
        using var memory = new MemoryStream();
        byte[] block = new byte[81920];
        for (int read; (read = stream.Read(block)) > 0; memory.Write(block, 0, read))
        {
            if (memory.Length + read > limit)
                throw new PictureException($"{name}: larger than {limit:N0} bytes, the limit for a picture file");
        }
        return memory.ToArray();
    }

    private static unsafe RgbImage Decode(ReadOnlySpan<byte> bytes, string name, PictureOptions options)
    {
        if (bytes.IsEmpty)
            throw new PictureException($"{name}: is empty (0 bytes)");

        GifFirstFrame? gif = GifFirstFrame.Find(bytes);
        bool isDeepGrey = DeepGrey.Is(bytes);
        using SKData data = SKData.CreateCopy(bytes);
        var copy = new Span<byte>((void*)data.Data, bytes.Length);
        gif?.ClearTransparency(copy);
        if (isDeepGrey)
            DeepGrey.SplitBytes(copy);
        using SKCodec codec = SKCodec.Create(data) ?? throw NotReadable(bytes, name);
        if (!Kinds.Contains(codec.EncodedFormat))
            throw NoPicture(name);

        int width = codec.Info.Width, height = codec.Info.Height;
        CheckSize(width, height, name, options);
        byte[] rgba = DecodeRgba(codec, name);
        if (JpegMarkers.IsJpeg(bytes) && !JpegMarkers.HasEnd(bytes))
            throw CutShort(codec, name);
        if (isDeepGrey)
            DeepGrey.Clip(rgba);
        byte[] rgb = Bitmaps.DropAlpha(rgba);
        gif?.FillUncovered(rgb, width);
        var picture = new RgbImage(width, height, rgb);
        return options.ApplyExifOrientation ? Orientation.Apply(picture, codec.EncodedOrigin) : picture;
    }

    private static void CheckSize(int width, int height, string name, PictureOptions options)
    {
        long pixels = (long)width * height;
        if (pixels < 1)
            throw new PictureException($"{name}: has no pixels ({width} x {height})");
        if (pixels > options.MaxPixels)
            throw new PictureException($"{name}: {width:N0} x {height:N0} is {pixels:N0} pixels, more than the limit of {options.MaxPixels:N0}");
        if (pixels * 4 > Array.MaxLength)
            throw new PictureException($"{name}: {width:N0} x {height:N0} pixels do not fit one array");
    }

    private static unsafe byte[] DecodeRgba(SKCodec codec, string name)
    {
        // No colour space in the target: Skia then converts nothing. Unpremultiplied: the colour under a transparent pixel survives.
        var target = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        byte[] rgba = GC.AllocateUninitializedArray<byte>(target.BytesSize);
        SKCodecResult result;
        fixed (byte* pixels = rgba)
            result = codec.GetPixels(target, (nint)pixels, target.RowBytes, new SKCodecOptions(SKZeroInitialized.No));
        return result switch
        {
            SKCodecResult.Success => rgba,
            SKCodecResult.IncompleteInput => throw CutShort(codec, name),
            SKCodecResult.ErrorInInput => throw new PictureException($"{name}: is damaged: the {Format(codec)} data has an error"),
            _ => throw new PictureException($"{name}: cannot be decoded as {Format(codec)} ({result})"),
        };
    }

    private static PictureException CutShort(SKCodec codec, string name) =>
        new($"{name}: is cut short: the {Format(codec)} data ends before the picture does");

    private static string Format(SKCodec codec) => $"{codec.EncodedFormat}".ToUpperInvariant();

    // Skia says no more than "no codec": a header that is cut short looks to it like no picture at all.
    private static PictureException NotReadable(ReadOnlySpan<byte> bytes, string name)
    {
        string? kind = KindOf(bytes);
        return kind is null
            ? NoPicture(name)
            : new PictureException($"{name}: is damaged or cut short: it begins as {kind} does, but its header cannot be read");
    }

    private static PictureException NoPicture(string name) => new($"{name}: is not a picture of a kind that is read here (PNG, JPEG, GIF, WebP, BMP, ICO)");

    private static string? KindOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= 4 && bytes[0] == 0x89 && bytes[1..4].SequenceEqual("PNG"u8))
            return "PNG";
        if (JpegMarkers.IsJpeg(bytes))
            return "JPEG";
        if (bytes.StartsWith("GIF8"u8))
            return "GIF";
        if (bytes.StartsWith("RIFF"u8) && bytes.Length >= 12 && bytes[8..12].SequenceEqual("WEBP"u8))
            return "WebP";
        return bytes.StartsWith("BM"u8) ? "BMP" : null;
    }
}
