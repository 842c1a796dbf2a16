using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// 8-bit operands: a step is a group of inputs, of which each row has a scale of its own, so that a few large inputs cost only their group precision. The
/// weights lose their sign, as 128 is added to them; what that adds to a row, -128 times the sum of its integers in the group, stands before the
/// group's words, where its sum starts. Sums within a group are exact, so every width gives the same bits.
/// </summary>
/// <typeparam name="S">The vector.</typeparam>
/// <typeparam name="TRows">How rows become bytes.</typeparam>
/// <remarks>y = (scale of the output) (sum over groups of the row's scale times exact sum) + bias, for weights with one scale an output and no zero points.</remarks>
internal readonly unsafe struct Int8Format<S, TRows> : IProductFormat
    where S : unmanaged, ISimd<S>
    where TRows : IByteRows
{
    private const int Offset = 128;
    private const int HeaderWords = 2;

    private static int GroupWords => TRows.GroupInputs / 4;

    public static int StepInputs => TRows.GroupInputs;

    public static int StepWords => HeaderWords + GroupWords;

    public static int BlockSteps => 8192 / (TRows.GroupInputs * S.Width);

    public static int StepLoads => GroupWords;

    public static int PanelWords => GroupWords * Panel<S>.Width;

    public static void PackRows(PackedRows rows, RowPanels panels, int panel, float* room)
    {
        sbyte* bytes = stackalloc sbyte[StepInputs];
        int first = panels.Start(panel);
        int count = panels.Start(panel + 1) - first;
        int steps = ProductSteps.Of<Int8Format<S, TRows>>(rows.Inputs);
        for (int row = 0; row < count; row++)
        {
            float* source = rows.Row<S>(first + row, room);
            for (int block = 0; block < steps; block += BlockSteps)
            {
                int depth = Math.Min(BlockSteps, steps - block);
                uint* destination = (uint*)rows.Words + ((((nint)block * panels.Rows) + ((nint)first * depth)) * StepWords) + row;
                for (int step = 0; step < depth; step++, destination += StepWords * count)
                {
                    int start = StepInputs * (block + step);
                    (float inverse, float scale) = TRows.Range<S>(source + start, Math.Min(StepInputs, rows.Inputs - start));
                    *(int*)destination = -Offset * IntegerRows<S>.Round(source, start, rows.Inputs, inverse, bytes, StepInputs);
                    ((float*)destination)[count] = scale;
                    for (int word = 0; word < GroupWords; word++)
                        destination[(HeaderWords + word) * count] = ((uint*)bytes)[word];
                }
            }
        }
    }

    public static void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room)
    {
        QuantizedOperands weight = layer->Weight.Integers;
        int rows = Math.Min(Panel<S>.Width, layer->Outputs - column);
        int start = StepInputs * step, length = StepInputs * count;
        int bytes = Math.Min(length, layer->Inputs - start);
        int stride = BlockSteps * GroupWords;
        nint ahead = ProductSteps.Ahead<Int8Format<S, TRows>>(step, layer->Inputs, StepInputs, Panel<S>.Width * weight.RowBytes);
        for (int row = 0; row < rows; row++)
        {
            byte* source = weight.Values + ((column + row) * weight.RowBytes) + start;
            CacheLine.Prefetch(source + ahead, length);
            // Past the end of a row stands what is 0 without the offset; the row's own integers are 0 there too.
            var words = new Span<byte>(room + (row * stride), length);
            new ReadOnlySpan<byte>(source, bytes).CopyTo(words);
            words[bytes..].Clear();
            // A whole number of groups, of 64 bytes or more.
            Span<Vector256<byte>> vectors = MemoryMarshal.Cast<byte, Vector256<byte>>(words);
            for (int i = 0; i < vectors.Length; i++)
                vectors[i] ^= Vector256.Create((byte)Offset);
        }
        Packing.Pack<S, F32Rows<S>>(new(room, stride), 0, rows, 0, count * GroupWords, packed, Panel<S>.Width, Panel<S>.Width);
    }

    public static int PanelsTogether(int rows) => TRows.PanelsTogether<S>(rows);

    public static void MultiplyTogether(LinearOperands* layer, int panel, PackedRows rows, int count, float* strips)
    {
        int groups = ProductSteps.Of<Int8Format<S, TRows>>(layer->Inputs);
        nint words = (nint)groups * PanelWords;
        IntegerStream<S>.AddInt8(rows.Words, layer->Panels + (panel * words), words, strips, groups);
    }

    public static void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip) =>
        new Span<float>(strip, count * Panel<S>.Width).Clear();

    public static void Finish(LinearOperands* layer, int column, PackedRows rows, int count, float* strip)
    {
        (S leftScale, S rightScale) = Panel<S>.Load(layer->Weight.Integers.Scales, column, layer->Outputs);
        (S leftBias, S rightBias) = Panel<S>.Load(layer->Bias, column, layer->Outputs);
        for (int row = 0; row < count; row++)
        {
            float* sums = strip + ((nint)row * Panel<S>.Width);
            S.MultiplyAdd(S.Load(sums), leftScale, leftBias).Store(sums);
            S.MultiplyAdd(S.Load(sums + S.Width), rightScale, rightBias).Store(sums + S.Width);
        }
    }
}
