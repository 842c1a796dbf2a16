using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Linear.Int4Format{S}"/>: a group of 32 inputs has a scale in each column, and its 4-bit weights, 0 to 15, are taken apart
/// in registers.
/// </summary>
/// <param name="linesAhead">Lines of memory that a kernel asks for in a group.</param>
internal sealed class NibbleTileAssembler(int linesAhead = 0) : GroupTileAssembler(TileRegisters.Zmm, Linear.TileTable.MostRows, linesAhead)
{
    /// <summary>As <see cref="Linear.TileKernels.LinesAhead"/>; a group with its scales is nine lines, of which two tiles ask for five and four.</summary>
    public static ReadOnlySpan<int> LinesAhead => [0, 1, 2, 5, GroupBytes / VectorBytes];

    private const int PairBytes = 2 * VectorBytes;

    /// <summary>Pairs of words (eight inputs each) in a group.</summary>
    private const int Pairs = Unrolled;

    /// <summary>Its words, and the scales of both vectors, bfloat16s.</summary>
    private const int GroupBytes = (Pairs * PairBytes) + VectorBytes;

    // One element of a row is held at a time; the others' places take what selects halves of bytes and of words.
    private readonly int _low = TileRegisters.Zmm.Column(0), _high = TileRegisters.Zmm.Column(1);
    private readonly int _word = TileRegisters.Zmm.Broadcast(0), _nibbles = TileRegisters.Zmm.Broadcast(1), _upper = TileRegisters.Zmm.Broadcast(2);

    protected override void Prepare(Iced.Intel.Assembler assembler)
    {
        Registers.FillWords(assembler, _nibbles, 0x0F0F0F0F);
        Registers.FillWords(assembler, _upper, 0xFFFF0000);
    }

    // rdi: [8 words][rows]; rsi: [4 words of eight weights][2 vectors], [scales].
    protected override void MultiplyGroup(Iced.Intel.Assembler assembler, int rows) =>
        FourSteps(assembler, pair => MultiplyPair(assembler, rows, pair), 2 * Pairs * rows * WordBytes, GroupBytes);

    protected override (int Left, int Right) LoadScales(Iced.Intel.Assembler assembler, int row)
    {
        if (row == 0)
        {
            Registers.LoadLower(assembler, _low, __[rsi - VectorBytes]);
            Registers.LoadSelected(assembler, _low + 1, _upper, __[rsi - VectorBytes]);
        }
        return (_low, _low + 1);
    }

    // Low halves are the pair's even inputs, high ones its odd ones.
    private void MultiplyPair(Iced.Intel.Assembler assembler, int rows, int pair)
    {
        TakeApart(assembler, 0, __[rsi + (pair * PairBytes)]);
        TakeApart(assembler, 1, __[rsi + (pair * PairBytes) + VectorBytes]);
        MultiplyAdd(assembler, rows, 2 * pair, _low);
        MultiplyAdd(assembler, rows, (2 * pair) + 1, _high);
    }

    private void TakeApart(Iced.Intel.Assembler assembler, int vector, AssemblerMemoryOperand from)
    {
        AssemblerRegisterZMM high = Zmm[_high + vector], nibbles = Zmm[_nibbles];
        Registers.LoadWords(assembler, _high + vector, from);
        assembler.vpandd(Zmm[_low + vector], high, nibbles);
        assembler.vpsrlw(high, high, 4);
        assembler.vpandd(high, high, nibbles);
    }

    private void MultiplyAdd(Iced.Intel.Assembler assembler, int rows, int word, int columns)
    {
        for (int row = 0; row < rows; row++)
        {
            Registers.LoadWord(assembler, _word, __dword_ptr[rdi + (((word * rows) + row) * WordBytes)]);
            Registers.MultiplyAddBytes(assembler, 2 * row, columns, _word);
            Registers.MultiplyAddBytes(assembler, (2 * row) + 1, columns + 1, _word);
        }
    }
}
