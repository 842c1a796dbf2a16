using System.Buffers.Binary;
using System.Text.Unicode;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// SentencePiece's precompiled_charsmap: which sequences of characters are written otherwise, nmt_nfkc in KOSMOS-2's case. Four bytes give
/// the size of a double array (Darts-clone's), which follows; the rest are the replacements, each ended by a zero byte, at the offsets that
/// the array's values give.
/// </summary>
/// <remarks>
/// A unit of the array is 32 bits: bits 0-7 and 31 its label, bit 8 whether a value hangs below it, bit 9 whether its offset counts in
/// steps of 256, bits 10-30 the offset, exclusive-ored with the unit's own place. A value's unit has bit 31 set and the value in the others.
/// </remarks>
internal sealed class Charsmap
{
    private const uint LabelMask = 0x8000_00FF;
    private const uint ValueMask = 0x7FFF_FFFF;
    private const uint HasValue = 0x100;

    private readonly uint[] _units;
    private readonly byte[] _replacements;

    private Charsmap(uint[] units, byte[] replacements)
    {
        _units = units;
        _replacements = replacements;
    }

    /// <summary>Reads and checks a map; an empty one replaces nothing.</summary>
    /// <exception cref="Weights.Kosmos2FormatException">A size or an offset lies beyond the map, or its text is not UTF-8.</exception>
    public static Charsmap Read(TokenizerModel model)
    {
        byte[] bytes = model.Charsmap;
        if (bytes.Length == 0)
            return new Charsmap([], []);
        uint size = bytes.Length < 4 ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (size > bytes.Length - 4L || size % 4 != 0)
            throw model.Error($"the precompiled_charsmap has {bytes.Length} bytes and claims a double array of {size}");

        uint[] units = new uint[size / 4];
        for (int i = 0; i < units.Length; i++)
            units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4 + (i * 4)));
        byte[] replacements = bytes[(4 + (int)size)..];
        if (!Utf8.IsValid(replacements))
            throw model.Error("the precompiled_charsmap's replacements are not UTF-8");

        // Every value is checked here, so that no text can lead to one that points nowhere.
        for (int i = 0; i < units.Length; i++)
        {
            if ((units[i] & (LabelMask ^ 0xFF)) != 0 || (units[i] & HasValue) == 0)
                continue;
            uint place = (uint)i ^ Offset(units[i]);
            uint value = place < units.Length ? units[place] & ValueMask : uint.MaxValue;
            if (value > replacements.Length || (value < replacements.Length && (replacements[value] & 0xC0) == 0x80))
                throw model.Error($"unit {i} of the precompiled_charsmap's double array has a value that is no replacement");
        }
        return new Charsmap(units, replacements);
    }

    /// <summary>
    /// The replacement of the shortest beginning of <paramref name="utf8"/> that has one. The shortest, where SentencePiece itself takes the
    /// longest: so it is in the tokenizers library, and the ids of the published model's processor come from there.
    /// </summary>
    public bool TryFind(ReadOnlySpan<byte> utf8, out ReadOnlySpan<byte> replacement)
    {
        replacement = default;
        if (_units.Length == 0)
            return false;
        uint place = Offset(_units[0]);
        foreach (byte label in utf8)
        {
            place ^= label;
            if (label == 0 || place >= (uint)_units.Length)
                return false;
            uint unit = _units[place];
            if ((unit & LabelMask) != label)
                return false;
            place ^= Offset(unit);
            if ((unit & HasValue) == 0)
                continue;
            ReadOnlySpan<byte> rest = _replacements.AsSpan((int)(_units[place] & ValueMask));
            int end = rest.IndexOf((byte)0);
            replacement = end < 0 ? rest : rest[..end];
            return true;
        }
        return false;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & (1 << 9)) >> 6);
}
