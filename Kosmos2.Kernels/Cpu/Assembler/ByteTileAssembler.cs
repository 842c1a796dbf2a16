using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Linear.Int8Format{S, TRows}"/>. A step is a group of inputs that share a scale in each row: the rows' signed bytes times the
/// weights' unsigned ones, summed exactly from the row's correction for the weights' offset, become a float and are added to the row's sum times the scale.
/// </summary>
/// <param name="words">Words of four inputs in a group, a multiple of 4.</param>
internal sealed class ByteTileAssembler(int words) : KernelAssembler(MostRows)
{
    private const int MostRows = Linear.TileTable.MostRows;
    private const int WordBytes = 4;
    private const int Unrolled = 4;
    private const int PanelBytes = 2 * VectorBytes;

    // Registers 0..23 hold the group's sums, left and right of each row; 24..27 two pairs of columns; 28..31 broadcasts.
    private const int FirstColumn = 24;
    private const int FirstBroadcast = 28;

    // rdi: a [depth][correction, scale, words][rows]; rsi: b [depth][words][32]; rdx: c; rcx: depth; r8: words from one row of c to the next.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        Label group = assembler.CreateLabel();
        Label fours = assembler.CreateLabel();
        assembler.shl(r8, 2);
        assembler.Label(ref group);
        for (int row = 0; row < rows; row++)
        {
            assembler.vpbroadcastd(Zmm[2 * row], __dword_ptr[rdi + (row * WordBytes)]);
            assembler.vmovdqa32(Zmm[(2 * row) + 1], Zmm[2 * row]);
        }
        assembler.lea(r10, __[rdi + (rows * WordBytes)]);
        assembler.add(rdi, 2 * rows * WordBytes);
        assembler.mov(r9d, words / Unrolled);

        assembler.Label(ref fours);
        for (int step = 0; step < Unrolled; step++)
            Step(assembler, rows, step);
        assembler.add(rdi, Unrolled * rows * WordBytes);
        assembler.add(rsi, Unrolled * PanelBytes);
        assembler.dec(r9d);
        assembler.jnz(fours);

        assembler.mov(rax, rdx);
        for (int row = 0; row < rows; row++)
        {
            AssemblerRegisterZMM scale = Zmm[FirstBroadcast + (row % 4)];
            assembler.vbroadcastss(scale, __dword_ptr[r10 + (row * WordBytes)]);
            assembler.vcvtdq2ps(Zmm[2 * row], Zmm[2 * row]);
            assembler.vcvtdq2ps(Zmm[(2 * row) + 1], Zmm[(2 * row) + 1]);
            assembler.vfmadd213ps(Zmm[2 * row], scale, __zmmword_ptr[rax]);
            assembler.vfmadd213ps(Zmm[(2 * row) + 1], scale, __zmmword_ptr[rax + VectorBytes]);
            assembler.vmovups(__zmmword_ptr[rax], Zmm[2 * row]);
            assembler.vmovups(__zmmword_ptr[rax + VectorBytes], Zmm[(2 * row) + 1]);
            assembler.add(rax, r8);
        }
        assembler.dec(rcx);
        assembler.jnz(group);
    }

    // Four inputs: each row's word times both vectors of columns.
    private static void Step(Iced.Intel.Assembler assembler, int rows, int step)
    {
        AssemblerRegisterZMM left = Zmm[FirstColumn + (step % 2 * 2)];
        AssemblerRegisterZMM right = Zmm[FirstColumn + (step % 2 * 2) + 1];
        assembler.vmovdqu32(left, __zmmword_ptr[rsi + (step * PanelBytes)]);
        assembler.vmovdqu32(right, __zmmword_ptr[rsi + (step * PanelBytes) + VectorBytes]);
        for (int row = 0; row < rows; row++)
        {
            AssemblerRegisterZMM x = Zmm[FirstBroadcast + (row % 4)];
            assembler.vpbroadcastd(x, __dword_ptr[rdi + (((step * rows) + row) * WordBytes)]);
            assembler.vpdpbusd(Zmm[2 * row], left, x);
            assembler.vpdpbusd(Zmm[(2 * row) + 1], right, x);
        }
    }
}
