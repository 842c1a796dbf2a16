using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Linear.Int4Format{S}"/>. A step is a group of 32 inputs that share a scale: its 4-bit weights, 0 to 15, are taken
/// apart in registers and multiplied as bytes with the rows' signed bytes; the exact sum of the group, which starts at the row's correction for the weights'
/// offset of 8, becomes a float and is added to the row's sum, in memory, times the group's scale.
/// </summary>
/// <param name="linesAhead">Lines of memory that a kernel asks for in a group.</param>
internal sealed class NibbleTileAssembler(int linesAhead = 0) : KernelAssembler(Linear.TileTable.MostRows, linesAhead)
{
    /// <summary>As <see cref="Linear.TileKernels.LinesAhead"/>; a group with its scales is nine lines, of which two tiles ask for five and four.</summary>
    public static ReadOnlySpan<int> LinesAhead => [0, 1, 2, 5, GroupBytes / VectorBytes];

    private const int WordBytes = 4;
    private const int PairBytes = 2 * VectorBytes;

    /// <summary>Pairs of words (eight inputs each) in a group.</summary>
    private const int Pairs = Unrolled;

    /// <summary>Its words, and the scales of both vectors, bfloat16s.</summary>
    private const int GroupBytes = (Pairs * PairBytes) + VectorBytes;

    // Registers 0 to 23 hold the group's sums, left and right of each row.
    private static readonly AssemblerRegisterZMM
        LowLeft = zmm24, LowRight = zmm25, HighLeft = zmm26, HighRight = zmm27, Word = zmm28, Nibbles = zmm29, Upper = zmm30;

    // rdi: a [depth][1 + 8][rows]; rsi: b [depth][GroupBytes]; rdx: c; rcx: depth; r8: words from one row of c to the next; r9: what is asked for.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        assembler.shl(r8, 2);
        Fill(assembler, Nibbles, 0x0F0F0F0F);
        Fill(assembler, Upper, 0xFFFF0000);

        Label next = assembler.CreateLabel();
        assembler.Label(ref next);
        Multiply(assembler, rows);
        Scale(assembler, rows);
        AskOn(assembler);
        assembler.add(rdi, (1 + (2 * Pairs)) * rows * WordBytes);
        assembler.add(rsi, GroupBytes);
        assembler.dec(rcx);
        assembler.jnz(next);
    }

    private static void Fill(Iced.Intel.Assembler assembler, AssemblerRegisterZMM register, uint word)
    {
        assembler.mov(eax, word);
        assembler.vpbroadcastd(register, eax);
    }

    private void Multiply(Iced.Intel.Assembler assembler, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            assembler.vpbroadcastd(Zmm[2 * row], __dword_ptr[rdi + (row * WordBytes)]);
            assembler.vmovdqa32(Zmm[(2 * row) + 1], Zmm[2 * row]);
        }
        for (int pair = 0; pair < Pairs; pair++)
        {
            Ask(assembler, pair);
            // Low nibbles are the pair's even inputs, high ones its odd ones.
            assembler.vmovdqu32(HighLeft, __zmmword_ptr[rsi + (pair * PairBytes)]);
            assembler.vmovdqu32(HighRight, __zmmword_ptr[rsi + (pair * PairBytes) + VectorBytes]);
            assembler.vpandd(LowLeft, HighLeft, Nibbles);
            assembler.vpandd(LowRight, HighRight, Nibbles);
            assembler.vpsrlw(HighLeft, HighLeft, 4);
            assembler.vpsrlw(HighRight, HighRight, 4);
            assembler.vpandd(HighLeft, HighLeft, Nibbles);
            assembler.vpandd(HighRight, HighRight, Nibbles);
            MultiplyAdd(assembler, rows, 1 + (2 * pair), LowLeft, LowRight);
            MultiplyAdd(assembler, rows, 2 + (2 * pair), HighLeft, HighRight);
        }
    }

    private static void MultiplyAdd(Iced.Intel.Assembler assembler, int rows, int word, AssemblerRegisterZMM left, AssemblerRegisterZMM right)
    {
        for (int row = 0; row < rows; row++)
        {
            assembler.vpbroadcastd(Word, __dword_ptr[rdi + (((word * rows) + row) * WordBytes)]);
            assembler.vpdpbusd(Zmm[2 * row], left, Word);
            assembler.vpdpbusd(Zmm[(2 * row) + 1], right, Word);
        }
    }

    private static void Scale(Iced.Intel.Assembler assembler, int rows)
    {
        AssemblerRegisterZMM left = LowLeft, right = LowRight;
        assembler.vpslld(left, __zmmword_ptr[rsi + (Pairs * PairBytes)], 16);
        assembler.vpandd(right, Upper, __zmmword_ptr[rsi + (Pairs * PairBytes)]);
        assembler.mov(rax, rdx);
        for (int row = 0; row < rows; row++)
        {
            AssemblerRegisterZMM sumLeft = Zmm[2 * row], sumRight = Zmm[(2 * row) + 1];
            assembler.vcvtdq2ps(sumLeft, sumLeft);
            assembler.vcvtdq2ps(sumRight, sumRight);
            assembler.vfmadd213ps(sumLeft, left, __zmmword_ptr[rax]);
            assembler.vfmadd213ps(sumRight, right, __zmmword_ptr[rax + VectorBytes]);
            assembler.vmovups(__zmmword_ptr[rax], sumLeft);
            assembler.vmovups(__zmmword_ptr[rax + VectorBytes], sumRight);
            assembler.add(rax, r8);
        }
    }
}
