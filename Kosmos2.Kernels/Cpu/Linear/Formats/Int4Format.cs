using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// 4-bit weights: a step is a group of 32 inputs with one scale an output. The weights are 0 to 15, that is, 8 too many; what this adds to a
/// row, -8 times the sum of the row's integers in the group, stands before the row's words. Larger groups repeat their scale. The words of the
/// weights stay as they are stored: of each eight inputs the row's even ones come before its odd ones, as low and high halves of bytes do. Behind a group's words
/// stand its scales as bfloat16s, those of the left vector in the lower halves of words and those of the right in the upper.
/// </summary>
/// <remarks>
/// y = (scale of the row) (sum over groups of scale times exact sum) + bias, for weights without zero points. A scale of 32 bits would be a fifth of all that is read for
/// a group of 32; rounded to bfloat16, by at most 1 in 512, it adds little to the error of four bits, and nothing where <c>kosmos2 quantize</c> chose it.
/// </remarks>
internal readonly unsafe struct Int4Format<S> : IProductFormat
    where S : unmanaged, ISimd<S>
{
    private const int Offset = 8;
    private const int GroupWords = Int4Group.RowWords;
    private const int WeightWords = Int4Group.WeightWords;

    public static int StepInputs => Int4Group.Inputs;

    public static int StepWords => 1 + GroupWords;

    public static int BlockSteps => Int4Group.BlockSteps;

    public static int StepLoads => WeightWords;

    public static int PanelWords => (WeightWords * Panel<S>.Width) + S.Width;

    public static void PackRows(PackedRows rows, RowPanels panels, int panel, float* room)
    {
        sbyte* bytes = stackalloc sbyte[StepInputs];
        int first = panels.Start(panel);
        int count = panels.Start(panel + 1) - first;
        int steps = ProductSteps.Of<Int4Format<S>>(rows.Inputs);
        for (int row = 0; row < count; row++)
        {
            float* source = rows.Row<S>(first + row, room);
            (float inverse, float scale) = IntegerRows<S>.Range(source, rows.Inputs);
            for (int block = 0; block < steps; block += BlockSteps)
            {
                int depth = Math.Min(BlockSteps, steps - block);
                uint* destination = (uint*)rows.Words + ((((nint)block * panels.Rows) + ((nint)first * depth)) * StepWords) + row;
                for (int step = 0; step < depth; step++, destination += StepWords * count)
                {
                    *(int*)destination = -Offset * IntegerRows<S>.Round(source, StepInputs * (block + step), rows.Inputs, inverse, bytes, StepInputs);
                    Int4Group.Part(bytes);
                    for (int word = 0; word < GroupWords; word++)
                        destination[(1 + word) * count] = ((uint*)bytes)[word];
                }
            }
            rows.Scales[first + row] = scale;
        }
    }

    public static void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room)
    {
        QuantizedOperands weight = layer->Weight.Integers;
        int width = Panel<S>.Width;
        int rows = Math.Min(width, layer->Outputs - column);
        int first = WeightWords * step;
        int words = Math.Min(WeightWords * count, ((layer->Inputs + 7) / 8) - first);
        Packing.Pack<S, F32Rows<S>>(new((float*)weight.Values, weight.RowBytes / sizeof(uint)), column, rows, first, words, room, width, width);
        new Span<float>(room + (words * width), ((WeightWords * count) - words) * width).Clear();
        for (int i = 0; i < count; i++, packed += PanelWords)
        {
            new ReadOnlySpan<float>(room + (i * WeightWords * width), WeightWords * width).CopyTo(new Span<float>(packed, WeightWords * width));
            float* scales = weight.Scales + ((nint)column * weight.Groups) + (StepInputs * (step + i) / weight.GroupSize);
            var pairs = (uint*)packed + (WeightWords * width);
            for (int row = 0; row < S.Width; row++)
                pairs[row] = Scale(scales, weight.Groups, row, rows) | ((uint)Scale(scales, weight.Groups, row + S.Width, rows) << 16);
        }
    }

    private static ushort Scale(float* scales, int groups, int row, int rows) => row < rows ? BFloat16.ToBits(scales[(nint)row * groups]) : (ushort)0;

    public static int PanelsTogether(int rows) => S.Width < Simd512.Width ? IntegerStream<S>.PanelsFor(rows) : 0;

    public static void MultiplyTogether(LinearOperands* layer, int panel, PackedRows rows, int count, float* strips)
    {
        int groups = ProductSteps.Of<Int4Format<S>>(layer->Inputs);
        nint words = (nint)groups * PanelWords;
        for (int group = 0; group < groups; group += BlockSteps)
        {
            float* weights = layer->Panels + (panel * words) + (group * PanelWords);
            IntegerStream<S>.AddInt4(rows.Words + (group * StepWords), weights, words, strips, Math.Min(BlockSteps, groups - group));
        }
    }

    public static void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip) =>
        new Span<float>(strip, count * Panel<S>.Width).Clear();

    public static void Finish(LinearOperands* layer, int column, PackedRows rows, int count, float* strip)
    {
        (S left, S right) = Panel<S>.Load(layer->Bias, column, layer->Outputs);
        for (int row = 0; row < count; row++)
        {
            float* sums = strip + ((nint)row * Panel<S>.Width);
            S scale = S.Broadcast(rows.Scales[row]);
            S.MultiplyAdd(S.Load(sums), scale, left).Store(sums);
            S.MultiplyAdd(S.Load(sums + S.Width), scale, right).Store(sums + S.Width);
        }
    }
}

/// <summary>The inputs that a 4-bit weight's sum is exact over.</summary>
internal static class Int4Group
{
    public const int Inputs = 32;

    /// <summary>Words of eight weights.</summary>
    public const int WeightWords = Inputs / 8;

    /// <summary>Words of four bytes of a row.</summary>
    public const int RowWords = Inputs / 4;

    /// <summary>Groups of a block.</summary>
    public const int BlockSteps = 16;

    /// <summary>Of each eight bytes of a group the even ones become a word, and the odd ones the next.</summary>
    public static unsafe void Part(sbyte* bytes)
    {
        for (int i = 0; i < Inputs; i += Vector128<sbyte>.Count)
            Vector128.Shuffle(Vector128.Load(bytes + i), Vector128.Create((sbyte)0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15)).Store(bytes + i);
    }
}
