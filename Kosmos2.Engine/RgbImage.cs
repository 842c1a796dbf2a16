namespace Kosmos2.Engine;

/// <summary>A picture as the engine takes it: 8-bit RGB, row by row from the top, without padding. Kosmos2.Imaging reads files into it.</summary>
public sealed class RgbImage
{
    /// <summary>Wraps pixels; the array is not copied.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">height * width * 3 bytes: R, G, B.</param>
    /// <exception cref="ArgumentException">The array's length is not height * width * 3.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentNullException.ThrowIfNull(pixels);
        if (pixels.LongLength != 3L * width * height)
            throw new ArgumentException($"a {width} x {height} RGB picture has {3L * width * height} bytes, not {pixels.LongLength}", nameof(pixels));
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>height * width * 3 bytes: R, G, B.</summary>
    public byte[] Pixels { get; }
}
