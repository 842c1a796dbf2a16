namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>With rows of <see cref="Linear.PlainBytes"/> in vectors of 512 bits: one instruction multiplies a word and adds it up.</summary>
/// <param name="words">Words of four inputs in a group, a multiple of 4.</param>
/// <param name="linesAhead">Lines of memory that a kernel asks for in four words.</param>
internal sealed class ByteTileAssembler(int words, int linesAhead = 0) : ByteGroupAssembler(TileRegisters.Zmm, words, Linear.TileTable.MostRows, linesAhead)
{
    protected override void MultiplyAdd(Iced.Intel.Assembler assembler, int row, int word, int columns)
    {
        Registers.MultiplyAddBytes(assembler, 2 * row, columns, word);
        Registers.MultiplyAddBytes(assembler, (2 * row) + 1, columns + 1, word);
    }
}
