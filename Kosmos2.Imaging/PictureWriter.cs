using Kosmos2.Engine;
using SkiaSharp;

namespace Kosmos2.Imaging;

/// <summary>Writes pictures as PNG.</summary>
public static class PictureWriter
{
    /// <summary>The picture as a PNG file's bytes.</summary>
    public static byte[] EncodePng(RgbImage picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using SKBitmap bitmap = Bitmaps.FromRgb(picture);
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100)
            ?? throw new PictureException($"a picture of {picture.Width} x {picture.Height} pixels cannot be encoded as PNG");
        return data.ToArray();
    }

    /// <summary>Writes a PNG file, whole or not at all: it is written beside its place under another name and then moved over it.</summary>
    /// <param name="path">The file; an older one is replaced. Its folder must exist.</param>
    /// <param name="picture">The picture.</param>
    /// <exception cref="PictureException">The folder is missing or may not be written, or the disk is full.</exception>
    public static void SavePng(string path, RgbImage picture)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] png = EncodePng(picture);
        if (Directory.Exists(path))
            throw new PictureException($"{path}: is a folder; a file name is wanted");
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            File.WriteAllBytes(temporary, png);
            File.Move(temporary, path, overwrite: true);
        }
        catch (DirectoryNotFoundException e)
        {
            throw new PictureException($"{path}: the folder to write to does not exist", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new PictureException($"{path}: no permission to write it", e);
        }
        catch (IOException e)
        {
            throw new PictureException($"{path}: cannot be written: {e.Message}", e);
        }
        finally
        {
            Discard(temporary);
        }
    }

    // After success there is nothing left to delete; after a failure the first error is the one to report.
    private static void Discard(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
