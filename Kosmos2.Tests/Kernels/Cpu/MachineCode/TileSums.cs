using Kosmos2.Kernels.Cpu.Linear;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>What a tile must add up to: what kernels give that run anywhere, or where there are none, loops.</summary>
internal static unsafe class TileSums
{
    private const int Width = 32;

    /// <summary>The sums of kernels that this machine can run.</summary>
    public static TileProduct Of(TileTable table) => (rows, a, b, c, depth, stride) =>
    {
        fixed (float* x = a, w = b, y = c)
            table.Run(rows, x, w, y, depth, stride, w);
    };

    /// <summary>Pairs of bfloat16s; a [depth][rows], b [depth][columns].</summary>
    public static void OfBFloat16s(int rows, float[] a, float[] b, float[] c, int depth, int stride)
    {
        for (int i = 0; i < rows * Width; i++)
        {
            int row = i / Width, column = i % Width;
            double sum = 0;
            for (int k = 0; k < depth; k++)
            {
                uint x = Word(a[(k * rows) + row]), w = Word(b[(k * Width) + column]);
                sum += ((double)Float(x << 16) * Float(w << 16)) + ((double)Float(x & 0xFFFF0000) * Float(w & 0xFFFF0000));
            }
            c[(row * stride) + column] += (float)sum;
        }
    }

    /// <summary>Floats a [depth][rows], and b [depth][columns of the left vector] bfloat16s, each below that of the right.</summary>
    public static void OfWidenedBFloat16s(int rows, float[] a, float[] b, float[] c, int depth, int stride)
    {
        const int Half = Width / 2;
        for (int i = 0; i < rows * Width; i++)
        {
            int row = i / Width, column = i % Width;
            float sum = 0;
            for (int k = 0; k < depth; k++)
            {
                uint pair = Word(b[(k * Half) + (column % Half)]);
                sum = MathF.FusedMultiplyAdd(a[(k * rows) + row], Float(column < Half ? pair << 16 : pair & 0xFFFF0000), sum);
            }
            c[(row * stride) + column] += sum;
        }
    }

    /// <summary>Groups of unsigned bytes b [depth][words][columns] and signed ones; a [depth][correction, scale, words][rows].</summary>
    public static void OfBytes(int rows, float[] a, float[] b, float[] c, int depth, int stride)
    {
        for (int i = 0; i < rows * Width; i++)
        {
            int row = i / Width, column = i % Width;
            for (int group = 0; group < depth; group++)
            {
                Span<float> words = a.AsSpan((group * (2 + PlainBytes.Words) * rows) + row);
                int sum = (int)Word(words[0]);
                for (int k = 0; k < PlainBytes.Inputs; k++)
                    sum += (sbyte)Byte(words[(2 + (k / 4)) * rows], k) * Byte(b[(((group * PlainBytes.Words) + (k / 4)) * Width) + column], k);
                c[(row * stride) + column] = MathF.FusedMultiplyAdd(sum, words[rows], c[(row * stride) + column]);
            }
        }
    }

    /// <summary>
    /// Groups of 4-bit weights, of eight inputs the even ones in the lower halves of bytes; b [depth], of each words [columns] and the scales of the left columns, bfloat16s, each
    /// below that of the right; a [depth][correction, words of even and of odd inputs][rows].
    /// </summary>
    public static void OfNibbles(int rows, float[] a, float[] b, float[] c, int depth, int stride)
    {
        const int Half = Width / 2, GroupWords = (Int4Group.WeightWords * Width) + Half;
        for (int i = 0; i < rows * Width; i++)
        {
            int row = i / Width, column = i % Width;
            for (int group = 0; group < depth; group++)
            {
                Span<float> words = a.AsSpan((group * (1 + Int4Group.RowWords) * rows) + row);
                int sum = (int)Word(words[0]);
                for (int k = 0; k < Int4Group.Inputs; k++)
                {
                    int weight = (Byte(b[(group * GroupWords) + (k / 8 * Width) + column], k / 2) >> (k % 2 * 4)) & 15;
                    sum += (sbyte)Byte(words[(1 + (k / 8 * 2) + (k % 2)) * rows], k / 2) * weight;
                }
                uint pair = Word(b[(group * GroupWords) + (Int4Group.WeightWords * Width) + (column % Half)]);
                float scale = Float(column < Half ? pair << 16 : pair & 0xFFFF0000);
                c[(row * stride) + column] = MathF.FusedMultiplyAdd(sum, scale, c[(row * stride) + column]);
            }
        }
    }

    private static byte Byte(float word, int i) => (byte)(Word(word) >> (i % 4 * 8));

    private static float Float(uint word) => BitConverter.UInt32BitsToSingle(word);

    private static uint Word(float value) => BitConverter.SingleToUInt32Bits(value);
}
