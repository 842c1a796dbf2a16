using Iced.Intel;
using Kosmos2.Kernels.Cpu.Linear;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Int8Format{S, TRows}"/> with <see cref="PairedBytes"/> in vectors of 256 bits: what <see cref="Int8Tile{S, TRows}"/> computes, in its order, with
/// everything but a group's weights and rows in registers.
/// </summary>
/// <remarks>
/// Of the three instructions for a row's word and a vector two multiply (vpmaddubsw, vpmaddwd by one, vpaddd), so that no kernel of this kind passes 16 products an instruction, the rate of vpmaddwd alone.
/// </remarks>
/// <param name="words">Words of four inputs in a group, a multiple of 4.</param>
internal sealed class PairTileAssembler(int words) : KernelAssembler(TileTable.IntegerRows)
{
    private const int WordBytes = 4;
    private const int Unrolled = 4;
    private const int HalfPanel = 32;
    private const int PanelBytes = 2 * HalfPanel;

    // Registers 0..7 hold the group's sums, left and right of each row; 10 and 11 broadcasts.
    private const int FirstBroadcast = 10;

    private static readonly AssemblerRegisterYMM Left = ymm8, Right = ymm9, Product = ymm12, Ones = ymm13;

    // rdi: a [depth][correction, scale, words][rows]; rsi: b [depth][words][16]; rdx: c; rcx: depth; r8: words from one row of c to the next.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        Label group = assembler.CreateLabel();
        Label fours = assembler.CreateLabel();
        assembler.shl(r8, 2);
        assembler.vpcmpeqd(Ones, Ones, Ones);
        assembler.vpsrlw(Ones, Ones, 15);
        assembler.Label(ref group);
        for (int row = 0; row < rows; row++)
        {
            assembler.vpbroadcastd(Ymm[2 * row], __dword_ptr[rdi + (row * WordBytes)]);
            assembler.vmovdqa(Ymm[(2 * row) + 1], Ymm[2 * row]);
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
            AssemblerRegisterYMM left = Ymm[2 * row], right = Ymm[(2 * row) + 1], scale = Ymm[FirstBroadcast + (row % 2)];
            assembler.vbroadcastss(scale, __dword_ptr[r10 + (row * WordBytes)]);
            assembler.vcvtdq2ps(left, left);
            assembler.vcvtdq2ps(right, right);
            assembler.vfmadd213ps(left, scale, __ymmword_ptr[rax]);
            assembler.vfmadd213ps(right, scale, __ymmword_ptr[rax + HalfPanel]);
            assembler.vmovups(__ymmword_ptr[rax], left);
            assembler.vmovups(__ymmword_ptr[rax + HalfPanel], right);
            assembler.add(rax, r8);
        }
        assembler.dec(rcx);
        assembler.jnz(group);
    }

    // Four inputs: each row's word times both vectors of columns.
    private static void Step(Iced.Intel.Assembler assembler, int rows, int step)
    {
        if (rows > ReadAhead.FewRows)
            assembler.prefetcht1(__byte_ptr[rsi + (step * PanelBytes) + ReadAhead.Bytes]);
        assembler.vmovdqu(Left, __ymmword_ptr[rsi + (step * PanelBytes)]);
        assembler.vmovdqu(Right, __ymmword_ptr[rsi + (step * PanelBytes) + HalfPanel]);
        for (int row = 0; row < rows; row++)
        {
            AssemblerRegisterYMM x = Ymm[FirstBroadcast + (row % 2)];
            assembler.vpbroadcastd(x, __dword_ptr[rdi + (((step * rows) + row) * WordBytes)]);
            assembler.vpmaddubsw(Product, Left, x);
            assembler.vpmaddubsw(x, Right, x);
            assembler.vpmaddwd(Product, Product, Ones);
            assembler.vpmaddwd(x, x, Ones);
            assembler.vpaddd(Ymm[2 * row], Ymm[2 * row], Product);
            assembler.vpaddd(Ymm[(2 * row) + 1], Ymm[(2 * row) + 1], x);
        }
    }
}
