using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Linear.Tile{S, TRows}"/> for AVX-512 as machine code: all 24 sums of the largest tile stay in registers,
/// beside two pairs of columns and four broadcasts, whatever the compiler of the day would do. A step takes one 32-bit word of each row and of each column:
/// a float or two bfloat16s; only the instruction that multiplies differs. The order of the F32 multiply-adds is that of the compiled kernels, so
/// the results are the same, bit for bit. .NET has no intrinsic for the other, and on a core that does one 512-bit multiply-add a cycle (Zen 4) the
/// F32 kernels run as the compiled ones do.
/// </summary>
internal sealed class TileAssembler : KernelAssembler
{
    private const int MostRows = Linear.TileTable.MostRows;
    private const int WordBytes = 4;
    private const int Unrolled = 4;

    // Registers 0..23 hold the sums, left and right of each row; 24..27 two pairs of columns; 28..31 broadcasts.
    private const int FirstColumn = 24;
    private const int FirstBroadcast = 28;

    private readonly TileArithmetic _arithmetic;

    /// <summary>Chooses what a step computes.</summary>
    public TileAssembler(TileArithmetic arithmetic)
        : base(MostRows) => _arithmetic = arithmetic;

    // rdi: a [depth][rows]; rsi: b [depth][32]; rdx: c; rcx: depth; r8: words from one row of c to the next.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        for (int i = 0; i < 2 * rows; i++)
            assembler.vpxord(Zmm[i], Zmm[i], Zmm[i]);
        Label fours = assembler.CreateLabel();
        Label ones = assembler.CreateLabel();
        Label done = assembler.CreateLabel();

        assembler.sub(rcx, Unrolled);
        assembler.jl(ones);
        assembler.Label(ref fours);
        for (int step = 0; step < Unrolled; step++)
            Step(assembler, rows, step);
        assembler.add(rdi, Unrolled * rows * WordBytes);
        assembler.add(rsi, Unrolled * 2 * VectorBytes);
        assembler.sub(rcx, Unrolled);
        assembler.jge(fours);

        assembler.Label(ref ones);
        assembler.add(rcx, Unrolled);
        assembler.jz(done);
        Label one = assembler.CreateLabel();
        assembler.Label(ref one);
        Step(assembler, rows, 0);
        assembler.add(rdi, rows * WordBytes);
        assembler.add(rsi, 2 * VectorBytes);
        assembler.dec(rcx);
        assembler.jnz(one);

        assembler.Label(ref done);
        AddToResult(assembler, rows);
    }

    // One k: each row's sums += its element of a times both vectors of b.
    private void Step(Iced.Intel.Assembler assembler, int rows, int step)
    {
        AssemblerRegisterZMM left = Zmm[FirstColumn + (step % 2 * 2)];
        AssemblerRegisterZMM right = Zmm[FirstColumn + (step % 2 * 2) + 1];
        assembler.vmovups(left, __zmmword_ptr[rsi + (step * 2 * VectorBytes)]);
        assembler.vmovups(right, __zmmword_ptr[rsi + (step * 2 * VectorBytes) + VectorBytes]);
        for (int row = 0; row < rows; row++)
        {
            AssemblerRegisterZMM x = Zmm[FirstBroadcast + (row % 4)];
            assembler.vbroadcastss(x, __dword_ptr[rdi + (((step * rows) + row) * WordBytes)]);
            MultiplyAdd(assembler, Zmm[2 * row], x, left);
            MultiplyAdd(assembler, Zmm[(2 * row) + 1], x, right);
        }
    }

    private void MultiplyAdd(Iced.Intel.Assembler assembler, AssemblerRegisterZMM sum, AssemblerRegisterZMM row, AssemblerRegisterZMM columns)
    {
        if (_arithmetic == TileArithmetic.BFloat16)
            assembler.vdpbf16ps(sum, row, columns);
        else
            assembler.vfmadd231ps(sum, row, columns);
    }
}

/// <summary>What the words of a tile are.</summary>
internal enum TileArithmetic
{
    /// <summary>One float.</summary>
    Float32,

    /// <summary>Two bfloat16s, products summed in F32.</summary>
    BFloat16,
}
