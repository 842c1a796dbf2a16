using System.Runtime.InteropServices;

namespace Kosmos2.Kernels.Reference;

/// <summary>
/// One head's row in a slot of the cache. Float32: as it is. BFloat16: each number rounded to the nearest. Int8: scale = max |x| / 127 and
/// q = x / scale, both rounded to F32, then q to the nearest integer, ties to even, within -127 .. 127; a quotient that is NaN becomes 0.
/// </summary>
internal static unsafe class ReferenceCacheRow
{
    /// <summary>Stores a row [headSize].</summary>
    public static void Write(ReadOnlySpan<float> row, KeyValueBlocks blocks, Tensor layer, int block, int head, int slot)
    {
        Span<byte> part = layer.HostBytes<byte>().Slice(((block * blocks.Heads) + head) * blocks.HeadBytes, blocks.HeadBytes);
        int first = slot * row.Length;
        switch (blocks.Format)
        {
            case CacheFormat.Float32:
                row.CopyTo(MemoryMarshal.Cast<byte, float>(part)[first..]);
                break;
            case CacheFormat.BFloat16:
                for (int i = 0; i < row.Length; i++)
                    MemoryMarshal.Cast<byte, ushort>(part)[first + i] = BFloat16.ToBits(row[i]);
                break;
            default:
                double largest = 0;
                foreach (float x in row)
                    largest = Math.Max(largest, Math.Abs(x));
                float scale = (float)(largest / 127);
                MemoryMarshal.Cast<byte, float>(part)[slot] = scale;
                Span<sbyte> integers = MemoryMarshal.Cast<byte, sbyte>(part)[(KeyValueBlocks.BlockSize * sizeof(float))..];
                for (int i = 0; i < row.Length; i++)
                {
                    double q = Math.Round((float)((double)row[i] / scale));
                    integers[first + i] = double.IsNaN(q) ? (sbyte)0 : (sbyte)Math.Clamp(q, -127, 127);
                }
                break;
        }
    }

    /// <summary>Reads a row [headSize], of keys or of values: here both lie slot by slot.</summary>
    public static float[] Read(KeyValueBlocks blocks, Tensor layer, int block, int head, int slot)
    {
        var row = new float[blocks.HeadSize];
        blocks.ReadValue(layer.HostBytes<byte>(), block, head, slot, row);
        return row;
    }
}
