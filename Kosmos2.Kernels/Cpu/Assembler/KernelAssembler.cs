using Iced.Intel;
using Kosmos2.Kernels.Cpu.Memory;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// What all assembled micro-kernels share: one entry point for each number of rows, C's calling convention of the system they run on, and the registers.
/// A kernel finds its arguments (a, b, c, depth, stride, ahead) in rdi, rsi, rdx, rcx, r8 and r9, and may use all vector registers.
/// </summary>
/// <param name="mostRows">Kernels are written for 1 to that many rows.</param>
/// <param name="linesAhead">Lines of memory that a kernel asks for in four steps (see <see cref="Linear.TileKernels"/>).</param>
internal abstract class KernelAssembler(int mostRows, int linesAhead = 0)
{
    /// <summary>Kernels are written for 1 to that many rows.</summary>
    public int MostRows => mostRows;

    /// <summary>Steps that are written one after the other: those in which <c>linesAhead</c> lines are asked for.</summary>
    protected const int Unrolled = 4;

    /// <summary>Bytes of a vector.</summary>
    protected const int VectorBytes = 64;

    /// <summary>Bytes of a word of a row.</summary>
    protected const int WordBytes = 4;

    /// <summary>The vector registers by number.</summary>
    internal static readonly AssemblerRegisterZMM[] Zmm =
    [
        zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15,
        zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31,
    ];

    /// <summary>Their lower halves, those that need no AVX-512.</summary>
    internal static readonly AssemblerRegisterYMM[] Ymm =
        [ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15];

    private static readonly AssemblerRegisterXMM[] SavedOnWindows = [xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15];

    /// <summary>Assembles the kernels for the system they are to run on.</summary>
    /// <returns>The code, and where the kernel for each number of rows begins in it.</returns>
    public (byte[] Code, int[] Offsets) Assemble() => Assemble(OperatingSystem.IsWindows());

    /// <summary>Assembles the kernels for either calling convention: that of Windows or System V's.</summary>
    /// <param name="windows">Which.</param>
    /// <returns>The code, and where the kernel for each number of rows begins in it.</returns>
    public (byte[] Code, int[] Offsets) Assemble(bool windows)
    {
        var assembler = new Iced.Intel.Assembler(64);
        var entries = new Label[mostRows];
        for (int rows = 1; rows <= mostRows; rows++)
        {
            entries[rows - 1] = assembler.CreateLabel($"rows{rows}");
            assembler.Label(ref entries[rows - 1]);
            if (windows)
                Enter(assembler);
            Kernel(assembler, rows);
            assembler.vzeroupper();
            if (windows)
                Leave(assembler);
            assembler.ret();
        }
        using var stream = new MemoryStream();
        AssemblerResult result = assembler.Assemble(new StreamCodeWriter(stream), 0, BlockEncoderOptions.ReturnNewInstructionOffsets);
        return (stream.ToArray(), Array.ConvertAll(entries, entry => (int)result.GetLabelRIP(entry)));
    }

    /// <summary>Writes the kernel for a number of rows, from its arguments in their registers to the last store.</summary>
    protected abstract void Kernel(Iced.Intel.Assembler assembler, int rows);

    /// <summary>Writes four steps, in front of each its part of the lines that are asked for, and goes on behind what they ask for and read.</summary>
    /// <param name="assembler">Takes them.</param>
    /// <param name="step">Writes one of them.</param>
    /// <param name="rowBytes">Bytes of all rows that they read, from rdi on.</param>
    /// <param name="weightBytes">Bytes of weights that they read, from rsi on.</param>
    protected void FourSteps(Iced.Intel.Assembler assembler, Action<int> step, int rowBytes, int weightBytes)
    {
        for (int i = 0; i < Unrolled; i++)
        {
            for (int line = i * linesAhead / Unrolled; line < (i + 1) * linesAhead / Unrolled; line++)
                assembler.prefetcht1(__byte_ptr[r9 + (line * CacheLine.Bytes)]);
            step(i);
        }
        if (linesAhead > 0)
            assembler.add(r9, linesAhead * CacheLine.Bytes);
        assembler.add(rdi, rowBytes);
        assembler.add(rsi, weightBytes);
    }

    // Windows passes arguments in other registers and wants some of those used here back.
    private static void Enter(Iced.Intel.Assembler assembler)
    {
        assembler.push(rdi);
        assembler.push(rsi);
        assembler.sub(rsp, SavedOnWindows.Length * 16);
        for (int i = 0; i < SavedOnWindows.Length; i++)
            assembler.vmovups(__xmmword_ptr[rsp + (i * 16)], SavedOnWindows[i]);
        assembler.mov(rdi, rcx);
        assembler.mov(rsi, rdx);
        assembler.mov(rdx, r8);
        assembler.mov(rcx, r9);
        // The fifth argument: past the saved registers, the return address and the four slots that the caller keeps free.
        assembler.mov(r8, __qword_ptr[rsp + (SavedOnWindows.Length * 16) + 16 + 8 + 32]);
        assembler.mov(r9, __qword_ptr[rsp + (SavedOnWindows.Length * 16) + 16 + 8 + 40]);
    }

    private static void Leave(Iced.Intel.Assembler assembler)
    {
        for (int i = 0; i < SavedOnWindows.Length; i++)
            assembler.vmovups(SavedOnWindows[i], __xmmword_ptr[rsp + (i * 16)]);
        assembler.add(rsp, SavedOnWindows.Length * 16);
        assembler.pop(rsi);
        assembler.pop(rdi);
    }
}
