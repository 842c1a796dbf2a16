using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// 4-bit weights: a step is a group of 32 inputs with one scale an output. The weights are 0 to 15, that is, 8 too many; what this adds to a
/// row, -8 times the sum of the row's integers in the group, stands before the row's words. Larger groups repeat their scale.
/// </summary>
/// <remarks>y = (scale of the row) (sum over groups of scale times exact sum) + bias, for weights without zero points.</remarks>
internal readonly unsafe struct Int4Format : IProductFormat
{
    private const int Offset = 8;
    private const int GroupWords = 8;
    private const int WeightWords = 4;

    public static int StepInputs => 32;

    public static int StepWords => 1 + GroupWords;

    public static int BlockSteps => 16;

    public static int TileRows => NibbleTileAssembler.MostRows;

    public static int PanelWords => (WeightWords + 1) * Panel<Simd512>.Width;

    public static void PackRows(PackedRows rows, RowPanels panels, int panel, float* room)
    {
        uint* words = stackalloc uint[16];
        int first = panels.Start(panel);
        int count = panels.Start(panel + 1) - first;
        int steps = (rows.Inputs + StepInputs - 1) / StepInputs;
        for (int row = 0; row < count; row++)
        {
            float* source = RowWords.Row(rows, first + row, room);
            (float inverse, float scale) = RowWords.Range(source, rows.Inputs);
            for (int block = 0; block < steps; block += BlockSteps)
            {
                int depth = Math.Min(BlockSteps, steps - block);
                uint* destination = (uint*)rows.Words + ((((nint)block * panels.Rows) + ((nint)first * depth)) * StepWords) + row;
                for (int step = 0; step < depth; step++, destination += StepWords * count)
                {
                    // Half of the piece belongs to the next group.
                    Vector256<sbyte> bytes = RowWords.Bytes(source, StepInputs * (block + step), rows.Inputs, inverse).GetLower();
                    bytes.Store((sbyte*)words);
                    *(int*)destination = -Offset * Vector512.Sum(Int8Format.Sums(bytes.ToVector512()));
                    RowWords.Scatter(words, GroupWords, destination + count, count);
                }
            }
            rows.Scales[first + row] = scale;
        }
    }

    public static void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room)
    {
        QuantizedOperands weight = layer->Weight.Integers;
        int width = Panel<Simd512>.Width;
        int rows = Math.Min(width, layer->Outputs - column);
        for (int i = 0; i < count; i++, packed += PanelWords)
        {
            int start = StepInputs * (step + i);
            int group = start / weight.GroupSize;
            for (int row = 0; row < width; row++)
            {
                for (int word = 0; word < WeightWords; word++)
                {
                    bool present = row < rows && start + (8 * word) < layer->Inputs;
                    ((uint*)packed)[(word * width) + row] = present ? Spread(Word(weight, column + row, (start / 8) + word)) : 0x88888888;
                }
                packed[(WeightWords * width) + row] = row < rows ? weight.Scales[((nint)(column + row) * weight.Groups) + group] : 0;
            }
        }

        static uint Word(QuantizedOperands weight, int row, int word) =>
            System.Runtime.CompilerServices.Unsafe.ReadUnaligned<uint>(weight.Values + (row * weight.RowBytes) + (word * sizeof(uint)));
    }

    public static void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip) =>
        new Span<float>(strip, count * Panel<Simd512>.Width).Clear();

    public static void Finish(LinearOperands* layer, int column, PackedRows rows, int count, float* strip)
    {
        (Simd512 left, Simd512 right) = Panel<Simd512>.Load(layer->Bias, column, layer->Outputs);
        for (int row = 0; row < count; row++)
        {
            float* sums = strip + ((nint)row * Panel<Simd512>.Width);
            Simd512 scale = Simd512.Broadcast(rows.Scales[row]);
            Simd512.MultiplyAdd(Simd512.Load(sums), scale, left).Store(sums);
            Simd512.MultiplyAdd(Simd512.Load(sums + Simd512.Width), scale, right).Store(sums + Simd512.Width);
        }
    }

    /// <summary>Eight elements in order, lowest first, to low nibbles for the first four and high nibbles for the others.</summary>
    private static uint Spread(uint word)
    {
        return Apart(word & 0xFFFF) | (Apart(word >> 16) << 4);

        static uint Apart(uint nibbles)
        {
            nibbles = (nibbles | (nibbles << 8)) & 0x00FF00FF;
            return (nibbles | (nibbles << 4)) & 0x0F0F0F0F;
        }
    }
}
