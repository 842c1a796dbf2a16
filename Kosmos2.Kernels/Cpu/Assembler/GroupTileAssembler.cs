using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Linear.Int8Format{S, TRows}"/>. A step is a group of inputs that share a scale in each row: the rows' signed bytes times the
/// weights' unsigned ones, summed exactly from the row's correction for the weights' offset, become a float and are added to the row's sum times the scale.
/// </summary>
/// <param name="registers">Vectors. The group's sums lie in the first ones, left and right of each row.</param>
/// <param name="words">Words of four inputs in a group, a multiple of 4.</param>
/// <param name="mostRows">Kernels are written for 1 to that many rows.</param>
/// <param name="linesAhead">Lines of memory that a kernel asks for in four words.</param>
internal abstract class GroupTileAssembler(TileRegisters registers, int words, int mostRows, int linesAhead) : KernelAssembler(mostRows, linesAhead)
{
    private const int WordBytes = 4;

    private readonly int _panelBytes = 2 * registers.VectorBytes;

    // rdi: a [depth][correction, scale, words][rows]; rsi: b [depth][words][2 vectors]; rdx: c; rcx: depth; r8: words from one row of c to the next; r9: what is asked for.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        Label group = assembler.CreateLabel();
        Label fours = assembler.CreateLabel();
        assembler.shl(r8, 2);
        Prepare(assembler);
        assembler.Label(ref group);
        for (int row = 0; row < rows; row++)
        {
            registers.LoadWord(assembler, 2 * row, __dword_ptr[rdi + (row * WordBytes)]);
            registers.Copy(assembler, (2 * row) + 1, 2 * row);
        }
        assembler.lea(r10, __[rdi + (rows * WordBytes)]);
        assembler.add(rdi, 2 * rows * WordBytes);
        assembler.mov(r11d, words / Unrolled);

        assembler.Label(ref fours);
        for (int step = 0; step < Unrolled; step++)
        {
            Ask(assembler, step);
            Step(assembler, rows, step);
        }
        AskOn(assembler);
        assembler.add(rdi, Unrolled * rows * WordBytes);
        assembler.add(rsi, Unrolled * _panelBytes);
        assembler.dec(r11d);
        assembler.jnz(fours);

        assembler.mov(rax, rdx);
        for (int row = 0; row < rows; row++)
        {
            int scale = registers.Broadcast(row);
            registers.LoadBroadcast(assembler, scale, __dword_ptr[r10 + (row * WordBytes)]);
            registers.ToFloats(assembler, 2 * row);
            registers.ToFloats(assembler, (2 * row) + 1);
            registers.Scale(assembler, 2 * row, scale, __[rax]);
            registers.Scale(assembler, (2 * row) + 1, scale, __[rax + registers.VectorBytes]);
            registers.Store(assembler, __[rax], 2 * row);
            registers.Store(assembler, __[rax + registers.VectorBytes], (2 * row) + 1);
            assembler.add(rax, r8);
        }
        assembler.dec(rcx);
        assembler.jnz(group);
    }

    /// <summary>What is needed once, before all groups.</summary>
    protected virtual void Prepare(Iced.Intel.Assembler assembler)
    {
    }

    /// <summary>A row's sums, left and right, += its word, which may be overwritten, times both vectors of columns.</summary>
    protected abstract void MultiplyAdd(Iced.Intel.Assembler assembler, int row, int word, int columns);

    // Four inputs: each row's word times both vectors of columns.
    private void Step(Iced.Intel.Assembler assembler, int rows, int step)
    {
        int columns = registers.Column(step);
        AssemblerMemoryOperand from = __[rsi] + (step * _panelBytes);
        registers.LoadWords(assembler, columns, from);
        registers.LoadWords(assembler, columns + 1, from + registers.VectorBytes);
        for (int row = 0; row < rows; row++)
        {
            int word = registers.Broadcast(row);
            registers.LoadWord(assembler, word, __dword_ptr[rdi + (((step * rows) + row) * WordBytes)]);
            MultiplyAdd(assembler, row, word, columns);
        }
    }
}
