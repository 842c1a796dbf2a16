using Iced.Intel;
using Kosmos2.Kernels.Cpu.Assembler;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>
/// Writes a loop of one instruction in registers: fourteen sums take turns, more than any machine needs to hide an instruction's latency (8 for two
/// multiply-adds a cycle of 4 cycles each). Nothing is loaded or stored between, so no kernel of that instruction can be faster.
/// </summary>
internal sealed class PeakAssembler(PeakLoop loop) : KernelAssembler(1)
{
    /// <summary>Instructions of one turn of the loop.</summary>
    public const int Instructions = Chains * Rounds;

    private const int Chains = 14;
    private const int Rounds = 4;

    private static readonly AssemblerRegisterXMM[] Xmm =
        [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13];

    // rdi: one vector, the factors; rcx: turns.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        if (loop is PeakLoop.Fma256 or PeakLoop.Shorts256 or PeakLoop.Bytes256)
            assembler.vmovups(ymm15, __ymmword_ptr[rdi]);
        else if (loop is PeakLoop.Fma128 or PeakLoop.Shorts128 or PeakLoop.Bytes128)
            assembler.vmovups(xmm15, __xmmword_ptr[rdi]);
        else if (loop is PeakLoop.Clock)
            assembler.xor(eax, eax);
        else
            assembler.vmovups(zmm15, __zmmword_ptr[rdi]);
        for (int i = 0; i < Chains && loop is not PeakLoop.Clock; i++)
            assembler.vxorps(Xmm[i], Xmm[i], Xmm[i]);
        Label next = assembler.CreateLabel();
        assembler.Label(ref next);
        for (int i = 0; i < Instructions; i++)
            Instruction(assembler, i % Chains);
        assembler.dec(rcx);
        assembler.jnz(next);
    }

    private void Instruction(Iced.Intel.Assembler assembler, int chain)
    {
        switch (loop)
        {
            case PeakLoop.Fma512:
                assembler.vfmadd231ps(Zmm[chain], zmm15, zmm15);
                break;
            case PeakLoop.Fma256:
                assembler.vfmadd231ps(Ymm[chain], ymm15, ymm15);
                break;
            case PeakLoop.Fma128:
                assembler.vfmadd231ps(Xmm[chain], xmm15, xmm15);
                break;
            case PeakLoop.BFloat16:
                assembler.vdpbf16ps(Zmm[chain], zmm15, zmm15);
                break;
            case PeakLoop.Bytes:
                assembler.vpdpbusd(Zmm[chain], zmm15, zmm15);
                break;
            case PeakLoop.Shorts512:
                assembler.vpmaddwd(Zmm[chain], zmm15, zmm15);
                break;
            case PeakLoop.Shorts256:
                assembler.vpmaddwd(Ymm[chain], ymm15, ymm15);
                break;
            case PeakLoop.Shorts128:
                assembler.vpmaddwd(Xmm[chain], xmm15, xmm15);
                break;
            case PeakLoop.Bytes512:
                assembler.vpmaddubsw(Zmm[chain], zmm15, zmm15);
                break;
            case PeakLoop.Bytes256:
                assembler.vpmaddubsw(Ymm[chain], ymm15, ymm15);
                break;
            case PeakLoop.Bytes128:
                assembler.vpmaddubsw(Xmm[chain], xmm15, xmm15);
                break;
            default:
                // Of two registers: additions of constants are folded away on some machines.
                assembler.add(rax, rdi);
                break;
        }
    }
}
