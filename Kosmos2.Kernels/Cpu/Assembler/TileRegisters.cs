using Iced.Intel;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// The vector registers of an instruction set, and the instructions of tiles on them. All sums of the largest tile lie in the first registers, a left
/// and a right vector for each row; pairs of columns and broadcast elements of rows take turns in those after them.
/// </summary>
/// <param name="vectorBytes">Bytes of a vector.</param>
/// <param name="mostRows">Rows of the largest tile.</param>
/// <param name="columnPairs">Pairs of columns that are held at once.</param>
/// <param name="broadcasts">Elements of rows that are held at once.</param>
internal abstract class TileRegisters(int vectorBytes, int mostRows, int columnPairs, int broadcasts)
{
    /// <summary>Sixteen registers of 256 bits: AVX2 with FMA.</summary>
    public static TileRegisters Ymm { get; } = new OfYmm();

    /// <summary>Thirty-two registers of 512 bits: AVX-512.</summary>
    public static TileRegisters Zmm { get; } = new OfZmm();

    /// <summary>Bytes of a vector.</summary>
    public int VectorBytes => vectorBytes;

    /// <summary>Rows of the largest tile.</summary>
    public int MostRows => mostRows;

    /// <summary>Register of the left column of a step; the right one is the next.</summary>
    public int Column(int step) => (2 * mostRows) + (step % columnPairs * 2);

    /// <summary>Register of a row's broadcast element.</summary>
    public int Broadcast(int row) => (2 * mostRows) + (2 * columnPairs) + (row % broadcasts);

    public abstract void Clear(Iced.Intel.Assembler assembler, int register);

    public abstract void Load(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from);

    public abstract void LoadBroadcast(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from);

    /// <summary>sum += row columns, as floats.</summary>
    public abstract void MultiplyAdd(Iced.Intel.Assembler assembler, int sum, int row, int columns);

    /// <summary>sum += row columns, as pairs of bfloat16s.</summary>
    public virtual void MultiplyAddBFloat16(Iced.Intel.Assembler assembler, int sum, int row, int columns) => throw WideOnly();

    /// <summary>sum += columns row, as integers: words of four unsigned bytes times four signed ones.</summary>
    public virtual void MultiplyAddBytes(Iced.Intel.Assembler assembler, int sum, int columns, int row) => throw WideOnly();

    /// <summary>Memory += register.</summary>
    public abstract void AddTo(Iced.Intel.Assembler assembler, AssemblerMemoryOperand memory, int register);

    /// <summary>All 32-bit words of a register become one. Takes eax.</summary>
    public virtual void FillWords(Iced.Intel.Assembler assembler, int register, uint word) => throw WideOnly();

    /// <summary>The lower halves of words, as the upper halves of words whose lower ones are 0.</summary>
    public virtual void LoadLower(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) => throw WideOnly();

    /// <summary>The bits of memory that are set in another register.</summary>
    public virtual void LoadSelected(Iced.Intel.Assembler assembler, int register, int selection, AssemblerMemoryOperand from) => throw WideOnly();

    /// <summary>As <see cref="Load"/>, of integers.</summary>
    public abstract void LoadWords(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from);

    /// <summary>As <see cref="LoadBroadcast"/>, of integers.</summary>
    public abstract void LoadWord(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from);

    /// <summary>register = other, of integers.</summary>
    public abstract void Copy(Iced.Intel.Assembler assembler, int register, int other);

    /// <summary>Integers become floats.</summary>
    public abstract void ToFloats(Iced.Intel.Assembler assembler, int register);

    /// <summary>register = register times scale + memory, as floats.</summary>
    public abstract void Scale(Iced.Intel.Assembler assembler, int register, int scale, AssemblerMemoryOperand memory);

    public abstract void Store(Iced.Intel.Assembler assembler, AssemblerMemoryOperand memory, int register);

    private static NotSupportedException WideOnly() => new("written for vectors of 512 bits only");

    private sealed class OfYmm() : TileRegisters(32, 6, 1, 2)
    {
        private static readonly AssemblerRegisterYMM[] Registers = KernelAssembler.Ymm;

        public override void Clear(Iced.Intel.Assembler assembler, int register) =>
            assembler.vxorps(Registers[register], Registers[register], Registers[register]);

        public override void Load(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vmovups(Registers[register], from);

        public override void LoadBroadcast(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vbroadcastss(Registers[register], from);

        public override void MultiplyAdd(Iced.Intel.Assembler assembler, int sum, int row, int columns) =>
            assembler.vfmadd231ps(Registers[sum], Registers[row], Registers[columns]);

        public override void AddTo(Iced.Intel.Assembler assembler, AssemblerMemoryOperand memory, int register)
        {
            assembler.vaddps(Registers[register], Registers[register], memory);
            assembler.vmovups(memory, Registers[register]);
        }

        public override void LoadWords(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vmovdqu(Registers[register], from);

        public override void LoadWord(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vpbroadcastd(Registers[register], from);

        public override void Copy(Iced.Intel.Assembler assembler, int register, int other) =>
            assembler.vmovdqa(Registers[register], Registers[other]);

        public override void ToFloats(Iced.Intel.Assembler assembler, int register) =>
            assembler.vcvtdq2ps(Registers[register], Registers[register]);

        public override void Scale(Iced.Intel.Assembler assembler, int register, int scale, AssemblerMemoryOperand memory) =>
            assembler.vfmadd213ps(Registers[register], Registers[scale], memory);

        public override void Store(Iced.Intel.Assembler assembler, AssemblerMemoryOperand memory, int register) =>
            assembler.vmovups(memory, Registers[register]);
    }

    private sealed class OfZmm() : TileRegisters(64, 12, 2, 4)
    {
        private static readonly AssemblerRegisterZMM[] Registers = KernelAssembler.Zmm;

        public override void Clear(Iced.Intel.Assembler assembler, int register) =>
            assembler.vpxord(Registers[register], Registers[register], Registers[register]);

        public override void Load(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vmovups(Registers[register], from);

        public override void LoadBroadcast(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vbroadcastss(Registers[register], from);

        public override void MultiplyAdd(Iced.Intel.Assembler assembler, int sum, int row, int columns) =>
            assembler.vfmadd231ps(Registers[sum], Registers[row], Registers[columns]);

        public override void MultiplyAddBFloat16(Iced.Intel.Assembler assembler, int sum, int row, int columns) =>
            assembler.vdpbf16ps(Registers[sum], Registers[row], Registers[columns]);

        public override void MultiplyAddBytes(Iced.Intel.Assembler assembler, int sum, int columns, int row) =>
            assembler.vpdpbusd(Registers[sum], Registers[columns], Registers[row]);

        public override void FillWords(Iced.Intel.Assembler assembler, int register, uint word)
        {
            assembler.mov(AssemblerRegisters.eax, word);
            assembler.vpbroadcastd(Registers[register], AssemblerRegisters.eax);
        }

        public override void LoadLower(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vpslld(Registers[register], from, 16);

        public override void LoadSelected(Iced.Intel.Assembler assembler, int register, int selection, AssemblerMemoryOperand from) =>
            assembler.vpandd(Registers[register], Registers[selection], from);

        public override void AddTo(Iced.Intel.Assembler assembler, AssemblerMemoryOperand memory, int register)
        {
            assembler.vaddps(Registers[register], Registers[register], memory);
            assembler.vmovups(memory, Registers[register]);
        }

        public override void LoadWords(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vmovdqu32(Registers[register], from);

        public override void LoadWord(Iced.Intel.Assembler assembler, int register, AssemblerMemoryOperand from) =>
            assembler.vpbroadcastd(Registers[register], from);

        public override void Copy(Iced.Intel.Assembler assembler, int register, int other) =>
            assembler.vmovdqa32(Registers[register], Registers[other]);

        public override void ToFloats(Iced.Intel.Assembler assembler, int register) =>
            assembler.vcvtdq2ps(Registers[register], Registers[register]);

        public override void Scale(Iced.Intel.Assembler assembler, int register, int scale, AssemblerMemoryOperand memory) =>
            assembler.vfmadd213ps(Registers[register], Registers[scale], memory);

        public override void Store(Iced.Intel.Assembler assembler, AssemblerMemoryOperand memory, int register) =>
            assembler.vmovups(memory, Registers[register]);
    }
}
