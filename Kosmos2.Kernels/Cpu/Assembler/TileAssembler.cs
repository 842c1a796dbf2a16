using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Writes the micro-kernels of <see cref="Linear.Tile{S, TRows}"/> for AVX-512 as machine code: all 24 sums of the largest tile stay in registers,
/// beside two pairs of columns and four broadcasts, whatever the compiler of the day would do. The order of the multiply-adds is that of
/// the compiled kernels, so the results are the same, bit for bit. On a core that does one 512-bit multiply-add a cycle (Zen 4) both run
/// alike; what this is for is instructions that .NET has no intrinsic for, and wider cores.
/// </summary>
internal static class TileAssembler
{
    private const int MostRows = Linear.TileTable.MostRows;
    private const int VectorBytes = 64;
    private const int FloatBytes = 4;
    private const int Unrolled = 4;

    // Registers 0..23 hold the sums, left and right of each row; 24..27 two pairs of columns; 28..31 broadcasts.
    private const int FirstColumn = 24;
    private const int FirstBroadcast = 28;

    private static readonly AssemblerRegisterZMM[] Zmm =
    [
        zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15,
        zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31,
    ];

    private static readonly AssemblerRegisterXMM[] SavedOnWindows = [xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15];

    /// <summary>Assembles the kernels for 1 to 12 rows.</summary>
    /// <returns>The code, and where each kernel begins in it.</returns>
    public static (byte[] Code, int[] Offsets) Assemble()
    {
        var assembler = new Iced.Intel.Assembler(64);
        var entries = new Label[MostRows];
        for (int rows = 1; rows <= MostRows; rows++)
        {
            entries[rows - 1] = assembler.CreateLabel($"rows{rows}");
            assembler.Label(ref entries[rows - 1]);
            Kernel(assembler, rows);
        }
        using var stream = new MemoryStream();
        AssemblerResult result = assembler.Assemble(new StreamCodeWriter(stream), 0, BlockEncoderOptions.ReturnNewInstructionOffsets);
        return (stream.ToArray(), Array.ConvertAll(entries, entry => (int)result.GetLabelRIP(entry)));
    }

    // rdi: a [depth][rows]; rsi: b [depth][32]; rdx: c; rcx: depth; r8: floats from one row of c to the next.
    private static void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        Enter(assembler);
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
        assembler.add(rdi, Unrolled * rows * FloatBytes);
        assembler.add(rsi, Unrolled * 2 * VectorBytes);
        assembler.sub(rcx, Unrolled);
        assembler.jge(fours);

        assembler.Label(ref ones);
        assembler.add(rcx, Unrolled);
        assembler.jz(done);
        Label one = assembler.CreateLabel();
        assembler.Label(ref one);
        Step(assembler, rows, 0);
        assembler.add(rdi, rows * FloatBytes);
        assembler.add(rsi, 2 * VectorBytes);
        assembler.dec(rcx);
        assembler.jnz(one);

        assembler.Label(ref done);
        assembler.shl(r8, 2);
        for (int row = 0; row < rows; row++)
        {
            assembler.vaddps(Zmm[2 * row], Zmm[2 * row], __zmmword_ptr[rdx]);
            assembler.vaddps(Zmm[(2 * row) + 1], Zmm[(2 * row) + 1], __zmmword_ptr[rdx + VectorBytes]);
            assembler.vmovups(__zmmword_ptr[rdx], Zmm[2 * row]);
            assembler.vmovups(__zmmword_ptr[rdx + VectorBytes], Zmm[(2 * row) + 1]);
            assembler.add(rdx, r8);
        }
        Leave(assembler);
    }

    // One k: each row's sums += its element of a times both vectors of b.
    private static void Step(Iced.Intel.Assembler assembler, int rows, int step)
    {
        AssemblerRegisterZMM left = Zmm[FirstColumn + (step % 2 * 2)];
        AssemblerRegisterZMM right = Zmm[FirstColumn + (step % 2 * 2) + 1];
        assembler.vmovups(left, __zmmword_ptr[rsi + (step * 2 * VectorBytes)]);
        assembler.vmovups(right, __zmmword_ptr[rsi + (step * 2 * VectorBytes) + VectorBytes]);
        for (int row = 0; row < rows; row++)
        {
            AssemblerRegisterZMM x = Zmm[FirstBroadcast + (row % 4)];
            assembler.vbroadcastss(x, __dword_ptr[rdi + (((step * rows) + row) * FloatBytes)]);
            assembler.vfmadd231ps(Zmm[2 * row], x, left);
            assembler.vfmadd231ps(Zmm[(2 * row) + 1], x, right);
        }
    }

    // Windows passes arguments in other registers and wants some of those used here back.
    private static void Enter(Iced.Intel.Assembler assembler)
    {
        if (!OperatingSystem.IsWindows())
            return;
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
    }

    private static void Leave(Iced.Intel.Assembler assembler)
    {
        assembler.vzeroupper();
        if (OperatingSystem.IsWindows())
        {
            for (int i = 0; i < SavedOnWindows.Length; i++)
                assembler.vmovups(SavedOnWindows[i], __xmmword_ptr[rsp + (i * 16)]);
            assembler.add(rsp, SavedOnWindows.Length * 16);
            assembler.pop(rsi);
            assembler.pop(rdi);
        }
        assembler.ret();
    }
}
