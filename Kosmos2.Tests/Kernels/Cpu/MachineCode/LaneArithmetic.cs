using Iced.Intel;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>
/// What vector instructions do with each 32-bit lane: of the target as it was and the two sources comes the target's new word. The second source is the number
/// where the instruction has one in it. Sources: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
/// </summary>
internal static class LaneArithmetic
{
    private static readonly Dictionary<Mnemonic, Func<uint, uint, uint, uint>> Operations = new()
    {
        [Mnemonic.Vxorps] = (_, a, b) => a ^ b,
        [Mnemonic.Vpxord] = (_, a, b) => a ^ b,
        [Mnemonic.Vpandd] = (_, a, b) => a & b,
        [Mnemonic.Vpaddd] = (_, a, b) => a + b,
        [Mnemonic.Vpcmpeqd] = (_, a, b) => a == b ? uint.MaxValue : 0,
        [Mnemonic.Vpsrlw] = (_, a, count) => count > 15 ? 0 : (a >> (int)count) & ((0xFFFFu >> (int)count) * 0x10001),
        [Mnemonic.Vpslld] = (_, a, count) => count > 31 ? 0 : a << (int)count,
        [Mnemonic.Vaddps] = (_, a, b) => Word(Float(a) + Float(b)),
        [Mnemonic.Vfmadd231ps] = (sum, a, b) => Word(MathF.FusedMultiplyAdd(Float(a), Float(b), Float(sum))),
        [Mnemonic.Vfmadd213ps] = (factor, a, sum) => Word(MathF.FusedMultiplyAdd(Float(a), Float(factor), Float(sum))),
        [Mnemonic.Vcvtdq2ps] = (_, a, _) => Word((int)a),
        [Mnemonic.Vpmaddwd] = (_, a, b) => (uint)(((short)a * (short)b) + (((int)a >> 16) * ((int)b >> 16))),
        [Mnemonic.Vpmaddubsw] = (_, a, b) => Saturate(ByteProduct(a, b, 0) + ByteProduct(a, b, 1)) | (Saturate(ByteProduct(a, b, 2) + ByteProduct(a, b, 3)) << 16),
        [Mnemonic.Vpdpbusd] = (sum, a, b) => sum + (uint)(ByteProduct(a, b, 0) + ByteProduct(a, b, 1) + ByteProduct(a, b, 2) + ByteProduct(a, b, 3)),
        [Mnemonic.Vdpbf16ps] = (sum, a, b) => AddBFloat16(AddBFloat16(sum, a & 0xFFFF0000, b & 0xFFFF0000), a << 16, b << 16),
    };

    /// <summary>What an instruction does; null for one that is not known.</summary>
    public static Func<uint, uint, uint, uint>? Find(Mnemonic instruction) => Operations.GetValueOrDefault(instruction);

    // Unsigned times signed.
    private static int ByteProduct(uint a, uint b, int i) => (byte)(a >> (8 * i)) * (sbyte)(b >> (8 * i));

    private static uint Saturate(int sum) => (ushort)Math.Clamp(sum, short.MinValue, short.MaxValue);

    // To nearest even, whatever MXCSR says; what is too small to be normal is zero before and after.
    private static uint AddBFloat16(uint sum, uint a, uint b) => Flush(Word(MathF.FusedMultiplyAdd(Float(Flush(a)), Float(Flush(b)), Float(Flush(sum)))));

    private static uint Flush(uint word) => (word & 0x7F800000) == 0 ? word & 0x80000000 : word;

    private static float Float(uint word) => BitConverter.UInt32BitsToSingle(word);

    private static uint Word(float value) => BitConverter.SingleToUInt32Bits(value);
}
