using Iced.Intel;
using Kosmos2.Kernels.Cpu.Linear;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Tile{S, TRows, TElements}"/> as machine code: all sums stay in registers and no instruction moves one to another, whatever
/// the compiler of the day would do. A step takes one 32-bit word of each row and of each column, a float or two bfloat16s, or of two columns, each a bfloat16 that is widened. The order of the F32 multiply-adds is that of the compiled kernels, so the results are the same, bit for bit. .NET has no intrinsic for
/// products of bfloat16s.
/// </summary>
/// <param name="registers">Vectors, and how many rows of them fit.</param>
/// <param name="arithmetic">What a step computes.</param>
/// <param name="linesAhead">Lines of memory that it asks for in four steps.</param>
internal sealed class TileAssembler(TileRegisters registers, TileArithmetic arithmetic, int linesAhead = 0) : KernelAssembler(registers.MostRows, linesAhead)
{
    private readonly int _stepBytes = (arithmetic == TileArithmetic.WidenedBFloat16 ? 1 : 2) * registers.VectorBytes;

    // Of widened columns one pair is held at a time; the next pair's place takes what selects the upper ones.
    private readonly int _upper = registers.Column(1);

    // rdi: a [depth][rows]; rsi: b [depth][2 vectors]; rdx: c; rcx: depth; r8: words from one row of c to the next; r9: what is asked for.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        for (int i = 0; i < 2 * rows; i++)
            registers.Clear(assembler, i);
        if (arithmetic == TileArithmetic.WidenedBFloat16)
            registers.FillWords(assembler, _upper, 0xFFFF0000);
        Label fours = assembler.CreateLabel();
        Label ones = assembler.CreateLabel();
        Label done = assembler.CreateLabel();

        assembler.sub(rcx, Unrolled);
        assembler.jl(ones);
        assembler.Label(ref fours);
        FourSteps(assembler, step => Step(assembler, rows, step), Unrolled * rows * WordBytes, Unrolled * _stepBytes);
        assembler.sub(rcx, Unrolled);
        assembler.jge(fours);

        assembler.Label(ref ones);
        assembler.add(rcx, Unrolled);
        assembler.jz(done);
        Label one = assembler.CreateLabel();
        assembler.Label(ref one);
        Step(assembler, rows, 0);
        assembler.add(rdi, rows * WordBytes);
        assembler.add(rsi, _stepBytes);
        assembler.dec(rcx);
        assembler.jnz(one);

        assembler.Label(ref done);
        assembler.shl(r8, 2);
        for (int row = 0; row < rows; row++)
        {
            registers.AddTo(assembler, __[rdx], 2 * row);
            registers.AddTo(assembler, __[rdx + registers.VectorBytes], (2 * row) + 1);
            assembler.add(rdx, r8);
        }
    }

    // One k: each row's sums += its element of a times both vectors of b.
    private void Step(Iced.Intel.Assembler assembler, int rows, int step)
    {
        int column = registers.Column(arithmetic == TileArithmetic.WidenedBFloat16 ? 0 : step);
        LoadColumns(assembler, column, __[rsi] + (step * _stepBytes));
        for (int row = 0; row < rows; row++)
        {
            int x = registers.Broadcast(row);
            registers.LoadBroadcast(assembler, x, __[rdi + (((step * rows) + row) * WordBytes)]);
            MultiplyAdd(assembler, 2 * row, x, column);
            MultiplyAdd(assembler, (2 * row) + 1, x, column + 1);
        }
    }

    private void LoadColumns(Iced.Intel.Assembler assembler, int column, AssemblerMemoryOperand from)
    {
        if (arithmetic == TileArithmetic.WidenedBFloat16)
        {
            registers.LoadLower(assembler, column, from);
            registers.LoadSelected(assembler, column + 1, _upper, from);
            return;
        }
        registers.Load(assembler, column, from);
        registers.Load(assembler, column + 1, from + registers.VectorBytes);
    }

    private void MultiplyAdd(Iced.Intel.Assembler assembler, int sum, int row, int columns)
    {
        if (arithmetic == TileArithmetic.BFloat16)
            registers.MultiplyAddBFloat16(assembler, sum, row, columns);
        else
            registers.MultiplyAdd(assembler, sum, row, columns);
    }
}

/// <summary>What the words of a tile are.</summary>
internal enum TileArithmetic
{
    /// <summary>One float.</summary>
    Float32,

    /// <summary>Two bfloat16s, products summed in F32.</summary>
    BFloat16,

    /// <summary>One float of a row; of columns a bfloat16 of the left vector in the lower half and one of the right in the upper, widened.</summary>
    WidenedBFloat16,
}
