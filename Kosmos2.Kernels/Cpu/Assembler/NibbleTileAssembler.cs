using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Linear.Int4Format{S}"/>. A step is a group of 32 inputs that share a scale: its 4-bit weights, 0 to 15, are taken
/// apart in registers and multiplied as bytes with the rows' signed bytes; the exact sum of the group, which starts at the row's correction for the weights'
/// offset of 8, becomes a float and is added to the row's sum times the group's scale.
/// </summary>
/// <param name="linesAhead">Lines of memory that a kernel asks for in a group.</param>
internal sealed class NibbleTileAssembler(int linesAhead = 0) : KernelAssembler(MostRows, linesAhead)
{
    /// <summary>Rows of the largest tile: two float and two integer sums a row.</summary>
    public const int MostRows = 6;

    /// <summary>As <see cref="Linear.TileKernels.LinesAhead"/>; a group with its scales is ten lines.</summary>
    public static ReadOnlySpan<int> LinesAhead => [0, 1, 2, 4, 2 * (Pairs + 1)];

    private const int WordBytes = 4;
    private const int PanelBytes = 2 * VectorBytes;

    /// <summary>Pairs of words (eight inputs each) in a group.</summary>
    private const int Pairs = Unrolled;

    // Registers 0..11 hold the sums, 12..23 those of the group, left and right of each row.
    private const int FirstGroupSum = 12;

    private static readonly AssemblerRegisterZMM Mask = zmm31;

    // rdi: a [depth][1 + 8][rows]; rsi: b [depth][(4 + 1) * 32]; rdx: c; rcx: depth; r8: words from one row of c to the next; r9: what is asked for.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        for (int i = 0; i < 2 * rows; i++)
            assembler.vpxord(Zmm[i], Zmm[i], Zmm[i]);
        assembler.mov(eax, 0x0F0F0F0F);
        assembler.vpbroadcastd(Mask, eax);

        Label next = assembler.CreateLabel();
        assembler.Label(ref next);
        Group(assembler, rows);
        AskOn(assembler);
        assembler.add(rdi, (1 + (2 * Pairs)) * rows * WordBytes);
        assembler.add(rsi, (Pairs + 1) * PanelBytes);
        assembler.dec(rcx);
        assembler.jnz(next);

        AddToResult(assembler, rows);
    }

    private void Group(Iced.Intel.Assembler assembler, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            assembler.vpbroadcastd(Zmm[FirstGroupSum + (2 * row)], __dword_ptr[rdi + (row * WordBytes)]);
            assembler.vmovdqa32(Zmm[FirstGroupSum + (2 * row) + 1], Zmm[FirstGroupSum + (2 * row)]);
        }
        for (int pair = 0; pair < Pairs; pair++)
        {
            Ask(assembler, pair);
            // Low nibbles are the pair's even inputs, high ones its odd ones.
            assembler.vmovdqu32(zmm28, __zmmword_ptr[rsi + (pair * PanelBytes)]);
            assembler.vmovdqu32(zmm29, __zmmword_ptr[rsi + (pair * PanelBytes) + VectorBytes]);
            assembler.vpandd(zmm24, zmm28, Mask);
            assembler.vpandd(zmm25, zmm29, Mask);
            assembler.vpsrlw(zmm26, zmm28, 4);
            assembler.vpsrlw(zmm27, zmm29, 4);
            assembler.vpandd(zmm26, zmm26, Mask);
            assembler.vpandd(zmm27, zmm27, Mask);
            MultiplyAdd(assembler, rows, 1 + (2 * pair), zmm24, zmm25);
            MultiplyAdd(assembler, rows, 2 + (2 * pair), zmm26, zmm27);
        }
        assembler.vmovups(zmm28, __zmmword_ptr[rsi + (Pairs * PanelBytes)]);
        assembler.vmovups(zmm29, __zmmword_ptr[rsi + (Pairs * PanelBytes) + VectorBytes]);
        for (int row = 0; row < rows; row++)
        {
            AssemblerRegisterZMM left = Zmm[FirstGroupSum + (2 * row)];
            AssemblerRegisterZMM right = Zmm[FirstGroupSum + (2 * row) + 1];
            assembler.vcvtdq2ps(left, left);
            assembler.vcvtdq2ps(right, right);
            assembler.vfmadd231ps(Zmm[2 * row], left, zmm28);
            assembler.vfmadd231ps(Zmm[(2 * row) + 1], right, zmm29);
        }
    }

    private static void MultiplyAdd(Iced.Intel.Assembler assembler, int rows, int word, AssemblerRegisterZMM left, AssemblerRegisterZMM right)
    {
        for (int row = 0; row < rows; row++)
        {
            assembler.vpbroadcastd(zmm30, __dword_ptr[rdi + (((word * rows) + row) * WordBytes)]);
            assembler.vpdpbusd(Zmm[FirstGroupSum + (2 * row)], left, zmm30);
            assembler.vpdpbusd(Zmm[FirstGroupSum + (2 * row) + 1], right, zmm30);
        }
    }
}
