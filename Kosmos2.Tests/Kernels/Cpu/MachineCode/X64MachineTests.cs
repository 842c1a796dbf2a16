using Iced.Intel;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>The interpreter of machine code itself: its instructions against the processor's, and mistakes that it must find.</summary>
internal sealed class X64MachineTests
{
    private static readonly Code[] OnAvx2 =
    [
        Code.VEX_Vxorps_ymm_ymm_ymmm256, Code.VEX_Vpaddd_ymm_ymm_ymmm256, Code.VEX_Vpcmpeqd_ymm_ymm_ymmm256, Code.VEX_Vpsrlw_ymm_ymm_imm8,
        Code.VEX_Vaddps_ymm_ymm_ymmm256, Code.VEX_Vfmadd231ps_ymm_ymm_ymmm256, Code.VEX_Vfmadd213ps_ymm_ymm_ymmm256, Code.VEX_Vcvtdq2ps_ymm_ymmm256,
        Code.VEX_Vpmaddubsw_ymm_ymm_ymmm256, Code.VEX_Vpmaddwd_ymm_ymm_ymmm256,
    ];

    private static readonly Code[] OnAvx512 =
    [
        Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Code.EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32, Code.EVEX_Vpsrlw_zmm_k1z_zmmm512_imm8,
        Code.EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8,
        Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er, Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Code.EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er,
        Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32,
    ];

    private static readonly (string Found, Action<Iced.Intel.Assembler> Write)[] Mistakes =
    [
        ("32 bytes at byte 4 of a buffer of 32 are not there", code => code.vmovups(ymm0, __[rdi + 4])),
        ("4 bytes at byte -4 of a buffer of 32 are not there", code => code.vbroadcastss(xmm0, __dword_ptr[rdi - 4])),
        ("a buffer that is only read, at 0000: vmovups [rdi],ymm0", code => code.vmovups(__[rdi], ymm0)),
        ("a vector that is not aligned", code => code.vmovaps(ymm0, __[rdi])),
        ("below the stack pointer", code => code.mov(rax, __qword_ptr[rsp - 8])),
        ("the caller's stack was changed", code => code.vmovups(__[rsp + 8], xmm0)),
        ("there is no code at", code => code.push(rdi)),
        ("R12 is not what it was", code => code.dec(r12)),
        ("a condition that nothing has set", code => code.je(0)),
        ("it does not end", Turn),
        ("unknown instruction", code => code.cpuid()),
        ("unknown instruction", code => code.vmovups(zmm0.k1, __[rdi])),
        ("unknown instruction", code => code.vaddps(zmm0, zmm1, __dword_bcst[rdi])),
        ("unknown instruction", code => code.vpsrlw(ymm0, ymm1, xmm2)),
    ];

    [Test]
    public void MistakesAreFound()
    {
        foreach ((string found, Action<Iced.Intel.Assembler> write) in Mistakes)
        {
            var memory = new VirtualMemory();
            var call = new KernelCall(new Written(write), windows: false);
            Assert.That(() => call.Run(1, memory, memory.Add(new float[8])), Throws.TypeOf<MachineFault>().With.Message.Contains(found));
        }
    }

    [Test]
    public unsafe void InstructionsDoWhatTheProcessorDoes()
    {
        Code[] codes =
        [
            .. Simd256.IsSupported ? OnAvx2 : [],
            .. Simd512.IsSupported ? OnAvx512.Where(code => code.Mnemonic() != Mnemonic.Vpdpbusd || new CpuFeatures("").Vnni) : [],
        ];
        if (codes.Length == 0)
            Assert.Ignore("this processor has none of the instructions");
        foreach (Code code in codes)
        {
            var assembler = new Written(write => ThreeOperands(write, code));
            using ExecutableMemory? executable = ExecutableMemory.TryCreate(assembler.Assemble().Code);
            if (executable is null)
                Assert.Ignore("the system refuses executable memory");
            var silicon = TileTable.Assembled([executable.Address]);
            var random = new Random(1);
            for (int i = 0; i < 200; i++)
            {
                float[] a = Words(random, code), b = Words(random, code), c = Words(random, code), expected = [.. c];
                fixed (float* x = a, w = b, y = expected)
                    silicon.Run(1, x, w, y, 0, 0);
                var memory = new VirtualMemory();
                new KernelCall(assembler, windows: false).Run(1, memory, memory.Add(a), memory.Add(b), memory.Add(c, writable: true));
                Assert.That(Array.ConvertAll(c, BitConverter.SingleToUInt32Bits), Is.EqualTo(Array.ConvertAll(expected, BitConverter.SingleToUInt32Bits)), $"{code}");
            }
        }
    }

    /// <summary>Weights are unsigned, rows signed; the odd product of two bfloat16s is added first, each sum rounded, and what is not normal is zero.</summary>
    [TestCase(Mnemonic.Vpdpbusd, 10u, 0xFF020304u, 0x80FF017Fu, unchecked((uint)(10 + 508 + 3 - 2 - 32640)))]
    [TestCase(Mnemonic.Vdpbf16ps, 0x3F800000u, 0x4B803F80u, 0x3F80CB80u, 0u)]
    [TestCase(Mnemonic.Vdpbf16ps, 0x3F800000u, 0xCB803F80u, 0x3F804B80u, 0x3F800000u)]
    [TestCase(Mnemonic.Vdpbf16ps, 0x3F800000u, 0x3F804B80u, 0x33803F80u, 0x4B800000u)]
    [TestCase(Mnemonic.Vdpbf16ps, 0u, 0x007F0000u, 0x7F000000u, 0u)]
    [TestCase(Mnemonic.Vdpbf16ps, 0x80000001u, 0u, 0u, 0u)]
    public void InstructionsThatFewProcessorsHaveDoWhatIsWrittenOfThem(Mnemonic instruction, uint target, uint a, uint b, uint expected) =>
        Assert.That(LaneArithmetic.Find(instruction)!(target, a, b), Is.EqualTo(expected));

    private static void Turn(Iced.Intel.Assembler code)
    {
        Label again = code.CreateLabel();
        code.mov(eax, 1);
        code.Label(ref again);
        code.xor(eax, eax);
        code.je(again);
    }

    private static void ThreeOperands(Iced.Intel.Assembler write, Code code)
    {
        bool wide = OnAvx512.Contains(code);
        (Register target, Register a, Register b) = wide ? (Register.ZMM0, Register.ZMM17, Register.ZMM30) : (Register.YMM0, Register.YMM7, Register.YMM14);
        Code load = wide ? Code.EVEX_Vmovups_zmm_k1z_zmmm512 : Code.VEX_Vmovups_ymm_ymmm256;
        Code store = wide ? Code.EVEX_Vmovups_zmmm512_k1z_zmm : Code.VEX_Vmovups_ymmm256_ymm;
        write.AddInstruction(Instruction.Create(load, target, new MemoryOperand(Register.RDX)));
        write.AddInstruction(Instruction.Create(load, a, new MemoryOperand(Register.RDI)));
        write.AddInstruction(Instruction.Create(load, b, new MemoryOperand(Register.RSI)));
        write.AddInstruction(code.Mnemonic() switch
        {
            Mnemonic.Vpsrlw or Mnemonic.Vpslld => Instruction.Create(code, target, a, 5),
            Mnemonic.Vcvtdq2ps => Instruction.Create(code, target, a),
            _ => Instruction.Create(code, target, a, b),
        });
        write.AddInstruction(Instruction.Create(store, new MemoryOperand(Register.RDX), target));
    }

    // Any bits, and those at the limits of bytes and 16-bit integers; as floats below 2, with no NaN, of which processors choose one or the other.
    private static float[] Words(Random random, Code code)
    {
        uint[] limits = [0, 1, 0x80000000, 0x7FFF7FFF, 0x80808080, 0xFFFFFFFF, 0x80008000];
        uint mask = code.Mnemonic() is Mnemonic.Vaddps or Mnemonic.Vfmadd231ps or Mnemonic.Vfmadd213ps ? 0xBFFFFFFF : uint.MaxValue;
        uint Word() => random.Next(4) == 0 ? limits[random.Next(limits.Length)] : (uint)random.NextInt64();
        return [.. Enumerable.Range(0, 16).Select(_ => BitConverter.UInt32BitsToSingle(Word() & mask))];
    }

    private sealed class Written(Action<Iced.Intel.Assembler> write) : KernelAssembler(1)
    {
        protected override void Kernel(Iced.Intel.Assembler assembler, int rows) => write(assembler);
    }
}
