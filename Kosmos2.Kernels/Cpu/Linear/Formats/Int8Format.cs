using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// 8-bit operands: a step is a group of 128 inputs, of which each row has a scale of its own, so that a few large inputs cost only their group precision. The
/// instruction takes one factor without sign, so 128 is added to the weights; what that adds to a row, -128 times the sum of its integers in the
/// group, stands before the group's words, where its sum starts. Sums within a group are exact.
/// </summary>
/// <remarks>y = (scale of the output) (sum over groups of the row's scale times exact sum) + bias, for weights with one scale an output and no zero points.</remarks>
internal readonly unsafe struct Int8Format : IProductFormat
{
    /// <summary>Words of four inputs in a group.</summary>
    public const int GroupWords = 32;

    private const int Offset = 128;
    private const int HeaderWords = 2;

    public static int StepInputs => 4 * GroupWords;

    public static int StepWords => HeaderWords + GroupWords;

    public static int BlockSteps => 4;

    public static int TileRows => Simd512.TileRows;

    public static int PanelWords => GroupWords * Panel<Simd512>.Width;

    public static void PackRows(PackedRows rows, RowPanels panels, int panel, float* room)
    {
        uint* words = stackalloc uint[16];
        int first = panels.Start(panel);
        int count = panels.Start(panel + 1) - first;
        int steps = (rows.Inputs + StepInputs - 1) / StepInputs;
        for (int row = 0; row < count; row++)
        {
            float* source = RowWords.Row(rows, first + row, room);
            for (int block = 0; block < steps; block += BlockSteps)
            {
                int depth = Math.Min(BlockSteps, steps - block);
                uint* destination = (uint*)rows.Words + ((((nint)block * panels.Rows) + ((nint)first * depth)) * StepWords) + row;
                for (int step = 0; step < depth; step++, destination += StepWords * count)
                {
                    int start = StepInputs * (block + step);
                    (float inverse, float scale) = RowWords.Range(source + start, Math.Min(StepInputs, rows.Inputs - start));
                    Vector512<int> sum = default;
                    for (int word = 0; word < GroupWords; word += 16)
                    {
                        Vector512<sbyte> bytes = RowWords.Bytes(source, start + (4 * word), rows.Inputs, inverse);
                        sum += Sums(bytes);
                        bytes.Store((sbyte*)words);
                        RowWords.Scatter(words, 16, destination + ((HeaderWords + (nint)word) * count), count);
                    }
                    *(int*)destination = -Offset * Vector512.Sum(sum);
                    ((float*)destination)[count] = scale;
                }
            }
        }
    }

    public static void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room)
    {
        QuantizedOperands weight = layer->Weight.Integers;
        int rows = Math.Min(Panel<Simd512>.Width, layer->Outputs - column);
        int start = StepInputs * step, length = StepInputs * count;
        int bytes = Math.Min(length, layer->Inputs - start);
        int stride = BlockSteps * GroupWords;
        for (int row = 0; row < rows; row++)
        {
            // Past the end of a row stands what is 0 without the offset; the row's own integers are 0 there too.
            var words = new Span<byte>(room + (row * stride), length);
            new ReadOnlySpan<byte>(weight.Values + ((column + row) * weight.RowBytes) + start, bytes).CopyTo(words);
            words[bytes..].Clear();
            for (int i = 0; i < words.Length; i++)
                words[i] ^= Offset;
        }
        Packing.Pack<Simd512, F32Rows<Simd512>>(new(room, stride), 0, rows, 0, count * GroupWords, packed, Panel<Simd512>.Width, Panel<Simd512>.Width);
    }

    public static void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip) =>
        new Span<float>(strip, count * Panel<Simd512>.Width).Clear();

    public static void Finish(LinearOperands* layer, int column, PackedRows rows, int count, float* strip)
    {
        (Simd512 leftScale, Simd512 rightScale) = Panel<Simd512>.Load(layer->Weight.Integers.Scales, column, layer->Outputs);
        (Simd512 leftBias, Simd512 rightBias) = Panel<Simd512>.Load(layer->Bias, column, layer->Outputs);
        for (int row = 0; row < count; row++)
        {
            float* sums = strip + ((nint)row * Panel<Simd512>.Width);
            Simd512.MultiplyAdd(Simd512.Load(sums), leftScale, leftBias).Store(sums);
            Simd512.MultiplyAdd(Simd512.Load(sums + Simd512.Width), rightScale, rightBias).Store(sums + Simd512.Width);
        }
    }

    /// <summary>The sums of sixteen words of four bytes.</summary>
    internal static Vector512<int> Sums(Vector512<sbyte> bytes)
    {
        (Vector512<short> low, Vector512<short> high) = Vector512.Widen(bytes);
        (Vector512<int> a, Vector512<int> b) = Vector512.Widen(low);
        (Vector512<int> c, Vector512<int> d) = Vector512.Widen(high);
        return a + b + c + d;
    }
}
