using System.Runtime.InteropServices;
using Iced.Intel;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>The registers of an x64 processor with AVX-512. At first they hold whatever the seed says: reading one that was never written gives nonsense.</summary>
internal sealed class MachineRegisters
{
    private const int VectorWords = 16;

    private readonly ulong[] _general = new ulong[16];
    private readonly uint[] _vectors = new uint[32 * VectorWords];

    public MachineRegisters(int seed)
    {
        var random = new Random(seed);
        random.NextBytes(MemoryMarshal.AsBytes(_general.AsSpan()));
        random.NextBytes(MemoryMarshal.AsBytes(_vectors.AsSpan()));
    }

    /// <summary>A general-purpose register, of 64 bits or the lower 32 of one; writing those clears the others.</summary>
    public ulong this[Register register]
    {
        get => register.IsGPR64() ? _general[register.GetNumber()] : register.IsGPR32() ? (uint)_general[register.GetNumber()] : throw Unknown(register);
        set => _general[register.GetNumber()] = register.IsGPR64() ? value : register.IsGPR32() ? (uint)value : throw Unknown(register);
    }

    /// <summary>The 32-bit words of a vector register.</summary>
    public Span<uint> Vector(Register register) => register.IsVectorRegister()
        ? _vectors.AsSpan(register.GetNumber() * VectorWords, register.GetSize() / sizeof(uint))
        : throw Unknown(register);

    /// <summary>What writing a shorter vector does to the rest of the register.</summary>
    public void ClearAbove(Register register) =>
        _vectors.AsSpan(register.GetNumber() * VectorWords, VectorWords)[(register.GetSize() / sizeof(uint))..].Clear();

    /// <summary>Whether one of the first 16 vector registers has a bit above its 128th, which makes instructions of SSE slow.</summary>
    public bool AnyUpper() => _vectors[..(16 * VectorWords)].Chunk(VectorWords).Any(vector => vector[4..].Any(word => word != 0));

    /// <summary>vzeroupper.</summary>
    public void ClearUpper()
    {
        for (Register register = Register.XMM0; register <= Register.XMM15; register++)
            ClearAbove(register);
    }

    private static MachineFault Unknown(Register register) => new($"unknown register {register}");
}
