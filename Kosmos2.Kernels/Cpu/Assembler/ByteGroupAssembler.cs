using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>Writes the micro-kernels of <see cref="Linear.Int8Format{S, TRows}"/>: a group has a scale in each row.</summary>
/// <param name="registers">Vectors.</param>
/// <param name="words">Words of four inputs in a group, a multiple of 4.</param>
/// <param name="mostRows">Kernels are written for 1 to that many rows.</param>
/// <param name="linesAhead">Lines of memory that a kernel asks for in four words.</param>
internal abstract class ByteGroupAssembler(TileRegisters registers, int words, int mostRows, int linesAhead) : GroupTileAssembler(registers, mostRows, linesAhead)
{
    private readonly int _panelBytes = 2 * registers.VectorBytes;

    protected override void Prepare(Iced.Intel.Assembler assembler)
    {
    }

    // rdi: [scale, words][rows]; rsi: [words][2 vectors]. r10 keeps the place of the scales.
    protected override void MultiplyGroup(Iced.Intel.Assembler assembler, int rows)
    {
        Label fours = assembler.CreateLabel();
        assembler.mov(r10, rdi);
        assembler.add(rdi, rows * WordBytes);
        assembler.mov(r11d, words / Unrolled);
        assembler.Label(ref fours);
        FourSteps(assembler, step => Step(assembler, rows, step), Unrolled * rows * WordBytes, Unrolled * _panelBytes);
        assembler.dec(r11d);
        assembler.jnz(fours);
    }

    protected override (int Left, int Right) LoadScales(Iced.Intel.Assembler assembler, int row)
    {
        int scale = Registers.Broadcast(row);
        Registers.LoadBroadcast(assembler, scale, __dword_ptr[r10 + (row * WordBytes)]);
        return (scale, scale);
    }

    /// <summary>A row's sums, left and right, += its word, which may be overwritten, times both vectors of columns.</summary>
    protected abstract void MultiplyAdd(Iced.Intel.Assembler assembler, int row, int word, int columns);

    // Four inputs: each row's word times both vectors of columns.
    private void Step(Iced.Intel.Assembler assembler, int rows, int step)
    {
        int columns = Registers.Column(step);
        AssemblerMemoryOperand from = __[rsi] + (step * _panelBytes);
        Registers.LoadWords(assembler, columns, from);
        Registers.LoadWords(assembler, columns + 1, from + Registers.VectorBytes);
        for (int row = 0; row < rows; row++)
        {
            int word = Registers.Broadcast(row);
            Registers.LoadWord(assembler, word, __dword_ptr[rdi + (((step * rows) + row) * WordBytes)]);
            MultiplyAdd(assembler, row, word, columns);
        }
    }
}
