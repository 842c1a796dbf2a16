using System.Buffers.Binary;

namespace Kosmos2.Imaging;

/// <summary>
/// Looks for a JPEG's end-of-image marker. Skia decodes a progressive file that stops after its first scan as if it were whole, blurred or grey;
/// Pillow refuses every file without the marker, and so do we.
/// </summary>
internal static class JpegMarkers
{
    private const byte EndOfImage = 0xD9, StartOfScan = 0xDA;

    /// <summary>Whether the bytes are a JPEG (start-of-image and a second marker).</summary>
    public static bool IsJpeg(ReadOnlySpan<byte> bytes) => bytes.Length > 2 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;

    /// <summary>Walks the segments and scans to the end marker; thumbnails inside a segment are stepped over.</summary>
    public static bool HasEnd(ReadOnlySpan<byte> bytes)
    {
        int at = 2;
        while (at + 1 < bytes.Length)
        {
            if (bytes[at] != 0xFF)
                return false;
            byte marker = bytes[at + 1];
            if (marker == EndOfImage)
                return true;
            if (marker == 0xFF)
            {
                at++; // a fill byte
                continue;
            }
            if (at + 3 >= bytes.Length)
                return false;
            at += 2 + Math.Max(2, (int)BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]));
            if (marker == StartOfScan)
                at = SkipScan(bytes, at);
        }
        return false;
    }

    // In a scan FF 00 is a stuffed byte, FF D0 to FF D7 are restart marks: every other FF xx ends it.
    private static int SkipScan(ReadOnlySpan<byte> bytes, int at)
    {
        while (at + 1 < bytes.Length && !(bytes[at] == 0xFF && bytes[at + 1] is not 0 and not (>= 0xD0 and <= 0xD7)))
            at++;
        return at;
    }
}
