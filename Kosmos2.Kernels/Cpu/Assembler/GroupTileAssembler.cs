using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of small integers. A step is a group of inputs that share a scale: the rows' signed bytes times the weights' unsigned ones, summed exactly
/// from the row's correction for the weights' offset, become a float and are added to the row's sum, in memory, times the group's scale.
/// </summary>
/// <param name="registers">Vectors. The group's sums lie in the first ones, left and right of each row.</param>
/// <param name="mostRows">Kernels are written for 1 to that many rows.</param>
/// <param name="linesAhead">Lines of memory that a kernel asks for in four steps.</param>
internal abstract class GroupTileAssembler(TileRegisters registers, int mostRows, int linesAhead) : KernelAssembler(mostRows, linesAhead)
{
    /// <summary>The vectors.</summary>
    protected TileRegisters Registers => registers;

    // rdi: a [depth], of each group corrections [rows] and what MultiplyGroup reads; rsi: b [depth]; rdx: c; rcx: depth; r8: words from one row of c to the next; r9: what is asked for.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        Label next = assembler.CreateLabel();
        assembler.shl(r8, 2);
        Prepare(assembler);
        assembler.Label(ref next);
        for (int row = 0; row < rows; row++)
        {
            registers.LoadWord(assembler, 2 * row, __dword_ptr[rdi + (row * WordBytes)]);
            registers.Copy(assembler, (2 * row) + 1, 2 * row);
        }
        assembler.add(rdi, rows * WordBytes);
        MultiplyGroup(assembler, rows);
        assembler.mov(rax, rdx);
        for (int row = 0; row < rows; row++)
        {
            (int left, int right) = LoadScales(assembler, row);
            registers.ToFloats(assembler, 2 * row);
            registers.ToFloats(assembler, (2 * row) + 1);
            registers.Scale(assembler, 2 * row, left, __[rax]);
            registers.Scale(assembler, (2 * row) + 1, right, __[rax + registers.VectorBytes]);
            registers.Store(assembler, __[rax], 2 * row);
            registers.Store(assembler, __[rax + registers.VectorBytes], (2 * row) + 1);
            assembler.add(rax, r8);
        }
        assembler.dec(rcx);
        assembler.jnz(next);
    }

    /// <summary>What is needed once, before all groups.</summary>
    protected abstract void Prepare(Iced.Intel.Assembler assembler);

    /// <summary>Adds a group's products to its sums, and leaves rdi and rsi behind it.</summary>
    protected abstract void MultiplyGroup(Iced.Intel.Assembler assembler, int rows);

    /// <summary>The registers in which the scales of a row's sums are, from the first row on; asked for in turn, behind the group.</summary>
    protected abstract (int Left, int Right) LoadScales(Iced.Intel.Assembler assembler, int row);
}
