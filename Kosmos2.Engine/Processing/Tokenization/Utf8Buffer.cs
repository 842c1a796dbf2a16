using System.Buffers;
using System.Text;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Normalised text on its way to pieces: UTF-8 that grows, in a pooled array. The character U+2581, which stands for a space in pieces, is
/// one byte here that UTF-8 never uses, so that a word's start is found by looking at bytes.
/// </summary>
internal sealed class Utf8Buffer : IDisposable
{
    /// <summary>The byte of U+2581.</summary>
    public const byte Meta = 0xFF;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(512);

    public int Length { get; set; }

    /// <summary>What has been written; writing more may move it.</summary>
    public Span<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>Room for at least <paramref name="count"/> more bytes; set <see cref="Length"/> after writing.</summary>
    /// <exception cref="ArgumentException">The text would be longer than an array can be.</exception>
    public Span<byte> Reserve(int count)
    {
        if (count > _bytes.Length - Length)
            Grow((long)Length + count);
        return _bytes.AsSpan(Length);
    }

    public void Append(byte value)
    {
        Reserve(1)[0] = value;
        Length++;
    }

    public void Append(ReadOnlySpan<byte> utf8)
    {
        utf8.CopyTo(Reserve(utf8.Length));
        Length += utf8.Length;
    }

    /// <summary>Appends a character as it is, or the one byte of U+2581.</summary>
    public void Append(Rune rune)
    {
        if (rune.Value == TokenizerModel.Space)
            Append(Meta);
        else
            Length += rune.EncodeToUtf8(Reserve(4));
    }

    /// <summary>Text as this buffer writes it.</summary>
    public static byte[] Encode(string text)
    {
        using var buffer = new Utf8Buffer();
        foreach (Rune rune in text.EnumerateRunes())
            buffer.Append(rune);
        return buffer.Written.ToArray();
    }

    /// <summary>Bytes of the character that begins with this byte.</summary>
    public static int LengthOf(byte first) => first switch
    {
        < 0x80 or Meta => 1,
        < 0xE0 => 2,
        < 0xF0 => 3,
        _ => 4,
    };

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
    }

    private void Grow(long needed)
    {
        if (needed > Array.MaxLength)
            throw new ArgumentException($"the text is too long: it has {needed} bytes or more");
        byte[] grown = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max(needed, 2L * _bytes.Length), Array.MaxLength));
        Written.CopyTo(grown);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = grown;
    }
}
