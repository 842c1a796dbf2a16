using Iced.Intel;
using Kosmos2.Kernels.Cpu.Linear;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Int8Format{S, TWords}"/> with <see cref="PairedBytes"/> in vectors of 256 bits: what <see cref="Int8Tile{S, TRows}"/> computes, in its order, with
/// everything but a group's weights and rows in registers.
/// </summary>
/// <remarks>
/// A word of weights takes 2 (vpmaddwd, vpaddd) for each row and vector, and 2 (vpand, vpsrlw) more for the vector. Of four pipes two multiply, so that nothing but sums of products in turn
/// reaches 82% of what vpmaddwd alone does (Zen 3).
/// </remarks>
/// <param name="words">Words of four inputs in a group, a multiple of 4.</param>
internal sealed class PairTileAssembler(int words) : KernelAssembler(TileTable.IntegerRows)
{
    private const int WordBytes = 4;
    private const int Unrolled = 4;
    private const int HalfPanel = 32;
    private const int PanelBytes = 2 * HalfPanel;

    // Registers 0..7 hold the group's sums, left and right of each row; 14 a product on its way.
    private const int FirstBroadcast = 12;

    private static readonly AssemblerRegisterYMM Left = ymm8, Right = ymm9, LeftEven = ymm10, RightEven = ymm11, Product = ymm14, Mask = ymm15;

    // rdi: a [depth][correction, scale, pairs][rows]; rsi: b [depth][words][16]; rdx: c; rcx: depth; r8: words from one row of c to the next.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        Label group = assembler.CreateLabel();
        Label fours = assembler.CreateLabel();
        assembler.shl(r8, 2);
        assembler.vpcmpeqd(Mask, Mask, Mask);
        assembler.vpsrlw(Mask, Mask, 8);
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
        assembler.add(rdi, Unrolled * 2 * rows * WordBytes);
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

    // Four inputs: each row's pairs times the even and the odd bytes of both vectors of columns.
    private static void Step(Iced.Intel.Assembler assembler, int rows, int step)
    {
        if (rows > ReadAhead.FewRows)
            assembler.prefetcht1(__byte_ptr[rsi + (step * PanelBytes) + ReadAhead.Bytes]);
        assembler.vmovdqu(Left, __ymmword_ptr[rsi + (step * PanelBytes)]);
        assembler.vmovdqu(Right, __ymmword_ptr[rsi + (step * PanelBytes) + HalfPanel]);
        assembler.vpand(LeftEven, Left, Mask);
        assembler.vpand(RightEven, Right, Mask);
        assembler.vpsrlw(Left, Left, 8);
        assembler.vpsrlw(Right, Right, 8);
        for (int row = 0; row < rows; row++)
        {
            MultiplyAdd(assembler, row, (2 * step * rows) + row, LeftEven, RightEven);
            MultiplyAdd(assembler, row, (((2 * step) + 1) * rows) + row, Left, Right);
        }
    }

    private static void MultiplyAdd(Iced.Intel.Assembler assembler, int row, int word, AssemblerRegisterYMM left, AssemblerRegisterYMM right)
    {
        AssemblerRegisterYMM x = Ymm[FirstBroadcast + (word % 2)];
        assembler.vpbroadcastd(x, __dword_ptr[rdi + (word * WordBytes)]);
        assembler.vpmaddwd(Product, x, left);
        assembler.vpmaddwd(x, x, right);
        assembler.vpaddd(Ymm[2 * row], Ymm[2 * row], Product);
        assembler.vpaddd(Ymm[(2 * row) + 1], Ymm[(2 * row) + 1], x);
    }
}
