using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// 8-bit operands: a step is a group of 128 inputs, of which each row has a scale of its own, so that a few large inputs cost only their group precision. The
/// weights lose their sign, as 128 is added to them; what that adds to a row, -128 times the sum of its integers in the group, stands before the
/// group's words, where its sum starts. Sums within a group are exact, so every width and instruction gives the same bits.
/// </summary>
/// <typeparam name="S">The vector.</typeparam>
/// <typeparam name="TWords">How the micro-kernel wants a row's bytes.</typeparam>
/// <remarks>y = (scale of the output) (sum over groups of the row's scale times exact sum) + bias, for weights with one scale an output and no zero points.</remarks>
internal readonly unsafe struct Int8Format<S, TWords> : IProductFormat
    where S : unmanaged, ISimd<S>
    where TWords : IByteWords
{
    private const int GroupWords = Int8Group.Words;
    private const int Offset = 128;
    private const int HeaderWords = 2;

    public static int StepInputs => Int8Group.Inputs;

    public static int StepWords => HeaderWords + (GroupWords * TWords.WordsOfFour);

    public static int BlockSteps => 64 / S.Width;

    public static int TileRows => TWords.TileRows;

    public static int PanelWords => GroupWords * Panel<S>.Width;

    public static void PackRows(PackedRows rows, RowPanels panels, int panel, float* room)
    {
        sbyte* bytes = stackalloc sbyte[StepInputs];
        int first = panels.Start(panel);
        int count = panels.Start(panel + 1) - first;
        int steps = (rows.Inputs + StepInputs - 1) / StepInputs;
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
                    (float inverse, float scale) = IntegerRows<S>.Range(source + start, Math.Min(StepInputs, rows.Inputs - start));
                    IntegerRows<S>.Round(source, start, rows.Inputs, inverse, bytes, StepInputs);
                    *(int*)destination = -Offset * IntegerRows<S>.Sum(bytes, StepInputs);
                    ((float*)destination)[count] = scale;
                    TWords.Scatter((uint*)bytes, destination + (HeaderWords * count), count);
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
        for (int row = 0; row < rows; row++)
        {
            // Past the end of a row stands what is 0 without the offset; the row's own integers are 0 there too.
            var words = new Span<byte>(room + (row * stride), length);
            new ReadOnlySpan<byte>(weight.Values + ((column + row) * weight.RowBytes) + start, bytes).CopyTo(words);
            words[bytes..].Clear();
            for (int i = 0; i < words.Length; i++)
                words[i] ^= Offset;
        }
        Packing.Pack<S, F32Rows<S>>(new(room, stride), 0, rows, 0, count * GroupWords, packed, Panel<S>.Width, Panel<S>.Width);
    }

    public static int PanelsTogether(int rows) => TWords.WordsOfFour == PairedBytes.WordsOfFour ? IntegerStream<S>.PanelsFor(rows) : 0;

    public static void MultiplyTogether(LinearOperands* layer, int panel, PackedRows rows, int count, float* strips)
    {
        int groups = (layer->Inputs + StepInputs - 1) / StepInputs;
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

/// <summary>The inputs that share a scale in each row.</summary>
internal static class Int8Group
{
    public const int Inputs = 128;

    /// <summary>Words of four.</summary>
    public const int Words = Inputs / 4;
}

/// <summary>How a micro-kernel wants the bytes of a row.</summary>
internal unsafe interface IByteWords
{
    /// <summary>Rows of the largest tile.</summary>
    static abstract int TileRows { get; }

    /// <summary>Words that four bytes become.</summary>
    static abstract int WordsOfFour { get; }

    /// <summary>Puts a group's bytes where the micro-kernel looks for them: a word every <paramref name="stride"/> words.</summary>
    static abstract void Scatter(uint* bytes, uint* destination, nint stride);
}

/// <summary>As they are: vpdpbusd.</summary>
internal readonly unsafe struct PlainBytes : IByteWords
{
    public static int TileRows => TileTable.MostRows;

    public static int WordsOfFour => 1;

    public static void Scatter(uint* bytes, uint* destination, nint stride)
    {
        for (int i = 0; i < Int8Group.Words; i++)
            destination[i * stride] = bytes[i];
    }
}

/// <summary>As 16-bit integers, bytes 0 and 2, then bytes 1 and 3: what <see cref="Int8Tile{S, TRows}"/> multiplies without shuffling weights.</summary>
internal readonly unsafe struct PairedBytes : IByteWords
{
    public static int TileRows => TileTable.IntegerRows;

    public static int WordsOfFour => 2;

    public static void Scatter(uint* bytes, uint* destination, nint stride)
    {
        for (int i = 0; i < Int8Group.Words; i++)
        {
            uint word = bytes[i];
            destination[2 * i * stride] = Pair((sbyte)word, (sbyte)(word >> 16));
            destination[((2 * i) + 1) * stride] = Pair((sbyte)(word >> 8), (sbyte)(word >> 24));
        }

        static uint Pair(int low, int high) => (ushort)low | ((uint)high << 16);
    }
}
