using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// 8-bit operands: a step is four inputs, sums are exact. The instruction takes one factor without sign, so 128 is added to the weights, and the
/// sums start from what that adds to the row: -128 times the sum of the row's integers.
/// </summary>
/// <remarks>y = (scale of the row) (scale of the output) sum + bias, for weights with one scale an output and no zero points.</remarks>
internal readonly unsafe struct Int8Format : IProductFormat
{
    private const int Offset = 128;

    public static int StepInputs => 4;

    public static int StepWords => 1;

    public static int BlockSteps => 128;

    public static int TileRows => Simd512.TileRows;

    public static int PanelWords => Panel<Simd512>.Width;

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
            Vector512<int> sum = default;
            for (int block = 0; block < steps; block += BlockSteps)
            {
                int depth = Math.Min(BlockSteps, steps - block);
                uint* destination = (uint*)rows.Words + ((nint)block * panels.Rows) + ((nint)first * depth) + row;
                for (int step = 0; step < depth; step += 16)
                {
                    Vector512<sbyte> bytes = RowWords.Bytes(source, StepInputs * (block + step), rows.Inputs, inverse);
                    sum += Sums(bytes);
                    bytes.Store((sbyte*)words);
                    RowWords.Scatter(words, Math.Min(16, depth - step), destination + ((nint)step * count), count);
                }
            }
            rows.Scales[first + row] = scale;
            rows.Corrections[first + row] = -Offset * Vector512.Sum(sum);
        }
    }

    public static void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room)
    {
        QuantizedOperands weight = layer->Weight.Integers;
        int rows = Math.Min(Panel<Simd512>.Width, layer->Outputs - column);
        int start = StepInputs * step;
        int bytes = Math.Min(StepInputs * count, layer->Inputs - start);
        for (int row = 0; row < rows; row++)
        {
            // Past the end of a row stands what is 0 without the offset; the row's own integers are 0 there too.
            var words = new Span<byte>(room + (row * BlockSteps), StepInputs * count);
            new ReadOnlySpan<byte>(weight.Values + ((column + row) * weight.RowBytes) + start, bytes).CopyTo(words);
            words[bytes..].Clear();
            for (int i = 0; i < words.Length; i++)
                words[i] ^= Offset;
        }
        Packing.Pack<Simd512, F32Rows<Simd512>>(new(room, BlockSteps), 0, rows, 0, count, packed, Panel<Simd512>.Width, Panel<Simd512>.Width);
    }

    public static void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip)
    {
        int width = Panel<Simd512>.Width;
        for (int row = 0; row < count; row++)
            new Span<int>((int*)strip + ((nint)row * width), width).Fill(rows.Corrections[row]);
    }

    public static void Finish(LinearOperands* layer, int column, PackedRows rows, int count, float* strip)
    {
        (Simd512 leftScale, Simd512 rightScale) = Panel<Simd512>.Load(layer->Weight.Integers.Scales, column, layer->Outputs);
        (Simd512 leftBias, Simd512 rightBias) = Panel<Simd512>.Load(layer->Bias, column, layer->Outputs);
        for (int row = 0; row < count; row++)
        {
            float* sums = strip + ((nint)row * Panel<Simd512>.Width);
            Simd512 scale = Simd512.Broadcast(rows.Scales[row]);
            Simd512.MultiplyAdd(Floats(sums), leftScale * scale, leftBias).Store(sums);
            Simd512.MultiplyAdd(Floats(sums + Simd512.Width), rightScale * scale, rightBias).Store(sums + Simd512.Width);
        }

        static Simd512 Floats(float* integers) => new(Vector512.ConvertToSingle(Vector512.Load((int*)integers)));
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
