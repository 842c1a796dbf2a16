using Iced.Intel;
using Kosmos2.Kernels.Cpu.Linear;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// With rows of <see cref="PairedBytes"/> in vectors of 256 bits: what <see cref="Int8Tile{S, TRows}"/> computes, in its order, with everything but a group's weights and rows in registers.
/// </summary>
/// <remarks>
/// Of the three instructions for a row's word and a vector two multiply (vpmaddubsw, vpmaddwd by one, vpaddd), so that no kernel of this kind passes 16 products an instruction, the rate of vpmaddwd alone.
/// </remarks>
/// <param name="words">Words of four inputs in a group, a multiple of 4.</param>
/// <param name="linesAhead">Lines of memory that a kernel asks for in four words.</param>
internal sealed class PairTileAssembler(int words, int linesAhead = 0) : ByteGroupAssembler(TileRegisters.Ymm, words, TileTable.IntegerRows, linesAhead)
{
    // Behind the sums of all rows.
    private static readonly AssemblerRegisterYMM Product = ymm8, Ones = ymm9;

    protected override void Prepare(Iced.Intel.Assembler assembler)
    {
        assembler.vpcmpeqd(Ones, Ones, Ones);
        assembler.vpsrlw(Ones, Ones, 15);
    }

    protected override void MultiplyAdd(Iced.Intel.Assembler assembler, int row, int word, int columns)
    {
        assembler.vpmaddubsw(Product, Ymm[columns], Ymm[word]);
        assembler.vpmaddubsw(Ymm[word], Ymm[columns + 1], Ymm[word]);
        assembler.vpmaddwd(Product, Product, Ones);
        assembler.vpmaddwd(Ymm[word], Ymm[word], Ones);
        assembler.vpaddd(Ymm[2 * row], Ymm[2 * row], Product);
        assembler.vpaddd(Ymm[(2 * row) + 1], Ymm[(2 * row) + 1], Ymm[word]);
    }
}
