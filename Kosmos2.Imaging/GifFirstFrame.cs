using System.Buffers.Binary;

namespace Kosmos2.Imaging;

/// <summary>
/// Where a GIF's first frame lies, and its palette. Pillow ignores transparency when it converts to RGB: a transparent pixel keeps the colour
/// that its palette gives the transparent index, and what the first frame does not cover has that colour too (or the palette's first, where
/// nothing is transparent). Skia makes both transparent black, so the transparency flag is cleared before it decodes.
/// </summary>
internal sealed class GifFirstFrame
{
    private const int HeaderLength = 13;
    private int _flags = -1;
    private int _left, _top, _width, _height;
    private (byte R, byte G, byte B) _fill;

    private GifFirstFrame()
    {
    }

    /// <summary>Walks the blocks up to the first frame; null for what is no GIF or ends before one (the decoder reports that).</summary>
    public static GifFirstFrame? Find(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderLength || !(bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8)))
            return null;
        var frame = new GifFirstFrame();
        int table = TableLength(bytes[10]);
        int palette = table > 0 ? HeaderLength : -1;
        for (int at = HeaderLength + table; at + 1 < bytes.Length;)
        {
            if (bytes[at] == 0x2C)
                return frame.ReadImage(bytes, at, palette) ? frame : null;
            if (bytes[at] != 0x21)
                return null;
            if (bytes[at + 1] == 0xF9 && at + 6 < bytes.Length)
                frame._flags = at + 3;
            at = SkipSubBlocks(bytes, at + 2);
        }
        return null;
    }

    /// <summary>Clears the transparency flag of the first frame in a copy of the file.</summary>
    public void ClearTransparency(Span<byte> bytes)
    {
        if (_flags >= 0)
            bytes[_flags] &= 0xFE;
    }

    /// <summary>Gives the pixels of the canvas that the first frame does not cover their colour.</summary>
    /// <param name="rgb">The canvas.</param>
    /// <param name="width">Its width as it was decoded: a first frame that reaches beyond the one in the header enlarges it.</param>
    public void FillUncovered(Span<byte> rgb, int width)
    {
        for (int pixel = 0; pixel < rgb.Length / 3; pixel++)
        {
            int x = (pixel % width) - _left, y = (pixel / width) - _top;
            if ((uint)x < (uint)_width && (uint)y < (uint)_height)
                continue;
            (rgb[3 * pixel], rgb[(3 * pixel) + 1], rgb[(3 * pixel) + 2]) = _fill;
        }
    }

    private bool ReadImage(ReadOnlySpan<byte> bytes, int at, int palette)
    {
        if (at + 10 > bytes.Length)
            return false;
        _left = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 1)..]);
        _top = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 3)..]);
        _width = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 5)..]);
        _height = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 7)..]);
        if (TableLength(bytes[at + 9]) > 0)
            palette = at + 10;
        bool transparent = _flags >= 0 && (bytes[_flags] & 1) != 0;
        int color = palette + (transparent ? 3 * bytes[_flags + 3] : 0);
        if (palette >= 0 && color + 3 <= bytes.Length)
            _fill = (bytes[color], bytes[color + 1], bytes[color + 2]);
        return true;
    }

    private static int TableLength(byte packed) => (packed & 0x80) != 0 ? 3 * (2 << (packed & 7)) : 0;

    private static int SkipSubBlocks(ReadOnlySpan<byte> bytes, int at)
    {
        while (at < bytes.Length && bytes[at] != 0)
            at += bytes[at] + 1;
        return at + 1;
    }
}
