using System.Buffers.Binary;

namespace Kosmos2.Imaging;

/// <summary>
/// PNGs of 16-bit grey. Pillow makes bytes of them by clipping: everything above 255 of 65,535 is white. That is what Hugging Face's processor sees, so it is done
/// here too; of other 16-bit kinds Pillow keeps the high byte, as Skia does of all. To get at both bytes the header is made to say 8-bit grey with alpha:
/// pixels, filters and interlacing are laid out alike, and the decoder then gives the high byte as grey and the low one as alpha.
/// </summary>
internal static class DeepGrey
{
    // The header chunk comes first: signature 8, length 4, IHDR 4, width 4, height 4, bit depth, colour type, three more, checksum 4.
    private const int ChunkType = 12;
    private const int BitDepth = 24;
    private const int ColorType = 25;
    private const int Checksum = 29;
    private const byte Grey = 0;
    private const byte GreyWithAlpha = 4;

    public static bool Is(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= Checksum + 4 && bytes[0] == 0x89 && bytes[1..4].SequenceEqual("PNG"u8) && bytes[BitDepth] == 16 && bytes[ColorType] == Grey
        && BinaryPrimitives.ReadUInt32BigEndian(bytes[Checksum..]) == Crc32(bytes[ChunkType..Checksum]);

    /// <summary>Changes the header in a copy of the file.</summary>
    public static void SplitBytes(Span<byte> bytes)
    {
        bytes[BitDepth] = 8;
        bytes[ColorType] = GreyWithAlpha;
        BinaryPrimitives.WriteUInt32BigEndian(bytes[Checksum..], Crc32(bytes[ChunkType..Checksum]));
    }

    /// <summary>Puts the two bytes of each pixel together, in place: grey R, G, B from a high byte with a low one as alpha.</summary>
    public static void Clip(Span<byte> rgba)
    {
        for (int i = 0; i < rgba.Length; i += 4)
            rgba.Slice(i, 3).Fill(rgba[i] > 0 ? byte.MaxValue : rgba[i + 3]);
    }

    // PNG's checksum, bit by bit.
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
        }
        return ~crc;
    }
}
