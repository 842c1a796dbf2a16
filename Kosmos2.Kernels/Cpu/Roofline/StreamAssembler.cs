using Iced.Intel;
using Kosmos2.Kernels.Cpu.Assembler;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>
/// Writes a loop that adds up memory, eight cache lines a turn, asking for lines some way ahead of it. The result is dropped: what counts is how
/// fast memory can be read. Hardware stops looking ahead at the end of a small page; while it does for one stream, others go on.
/// </summary>
/// <param name="wide">Whether a line is read as one vector of 512 bits or as two of 256.</param>
/// <param name="ahead">Bytes between what is asked for and what is read; 0 leaves it to the hardware.</param>
/// <param name="streams">Places that are read in turn: 1, 2 or 4.</param>
internal sealed class StreamAssembler(bool wide, int ahead, int streams) : KernelAssembler(1)
{
    /// <summary>Bytes of one turn of the loop.</summary>
    public const int TurnBytes = Lines * VectorBytes;

    private const int Lines = 8;

    // rdi: memory; rcx: turns; r8: bytes from one stream to the next.
    protected override void Kernel(Iced.Intel.Assembler assembler, int rows)
    {
        int linesOfStream = Lines / streams;
        assembler.lea(rax, __[r8 + (r8 * 2)]);
        for (int i = 0; i < Lines; i++)
            assembler.vxorps(Ymm[i], Ymm[i], Ymm[i]);
        Label next = assembler.CreateLabel();
        assembler.Label(ref next);
        for (int line = 0; line < Lines; line++)
        {
            AssemblerMemoryOperand from = Stream(line / linesOfStream) + (line % linesOfStream * VectorBytes);
            if (ahead > 0)
                assembler.prefetcht0(__byte_ptr[from + ahead]);
            if (wide)
            {
                assembler.vaddps(Zmm[line], Zmm[line], __zmmword_ptr[from]);
                continue;
            }
            assembler.vaddps(Ymm[line], Ymm[line], __ymmword_ptr[from]);
            assembler.vaddps(Ymm[line], Ymm[line], __ymmword_ptr[from + (VectorBytes / 2)]);
        }
        assembler.add(rdi, TurnBytes / streams);
        assembler.dec(rcx);
        assembler.jnz(next);
    }

    private static AssemblerMemoryOperand Stream(int stream) => stream switch
    {
        0 => __[rdi],
        1 => __[rdi + r8],
        2 => __[rdi + (r8 * 2)],
        _ => __[rdi + rax],
    };
}
