using System.Runtime.InteropServices;
using Iced.Intel;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>
/// Runs x64 machine code, the very bytes that a processor would get, on memory whose limits it knows: the instructions of assembled kernels and no others, so
/// that kernels for AVX-512 are executed on any processor. What it does not know is a <see cref="MachineFault"/>, and so is what a processor leaves to luck.
/// </summary>
internal sealed partial class X64Machine(byte[] code, VirtualMemory memory, MachineRegisters registers)
{
    /// <summary>Where code returns to.</summary>
    public const ulong ReturnAddress = 0x1234_5678_9abc;

    private const int MostInstructions = 1_000_000;
    private const ulong StackBytes = 1 << 16;

    private readonly Instruction?[] _decoded = new Instruction?[code.Length];
    private int _executed;

    /// <summary>How often each instruction was executed.</summary>
    public Dictionary<Mnemonic, int> Executed { get; } = [];

    /// <summary>What a processor must have for those instructions.</summary>
    public HashSet<CpuidFeature> Needed { get; } = [];

    /// <summary>The addresses of lines that were asked for, in order; they need not exist.</summary>
    public List<ulong> Prefetched { get; } = [];

    /// <summary>Runs code from a place in it until it returns.</summary>
    public void Run(int start)
    {
        for (ulong next = (ulong)start; next != ReturnAddress;)
        {
            Instruction instruction = Decode(next);
            try
            {
                next = Step(instruction);
            }
            catch (MachineFault fault)
            {
                throw new MachineFault(fault.Message, instruction);
            }
        }
    }

    private Instruction Decode(ulong place)
    {
        if (place >= (ulong)code.Length)
            throw new MachineFault($"there is no code at {place:x}");
        if (_decoded[place] is { } known)
            return known;
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code, (int)place, code.Length - (int)place), place);
        Instruction instruction = decoder.Decode();
        Needed.UnionWith(instruction.CpuidFeatures);
        _decoded[place] = instruction;
        return instruction;
    }

    /// <returns>Where the next instruction lies.</returns>
    private ulong Step(in Instruction instruction)
    {
        if (++_executed > MostInstructions)
            throw new MachineFault("it does not end");
        CollectionsMarshal.GetValueRefOrAddDefault(Executed, instruction.Mnemonic, out _)++;
        if (IsDecorated(instruction))
            throw Unknown();
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Ret when instruction.OpCount == 0:
                return Pop();
            case Mnemonic.Jl or Mnemonic.Jge or Mnemonic.Je or Mnemonic.Jne:
                return Holds(instruction.Mnemonic) ? instruction.NearBranchTarget : instruction.NextIP;
            case Mnemonic.Push:
                registers[Register.RSP] -= sizeof(ulong);
                Store(registers[Register.RSP], [(uint)Value(instruction, 0), (uint)(Value(instruction, 0) >> 32)]);
                break;
            case Mnemonic.Pop:
                registers[instruction.Op0Register] = Pop();
                break;
            case Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1:
                Prefetched.Add(Address(instruction));
                break;
            case Mnemonic.Vzeroupper:
                registers.ClearUpper();
                break;
            default:
                if (!TryGeneral(instruction) && !TryVector(instruction))
                    throw Unknown();
                break;
        }
        return instruction.NextIP;
    }

    // Masks, embedded broadcasts and rounding, segments, repetition: no kernel has any yet.
    private static bool IsDecorated(in Instruction instruction) =>
        instruction.HasOpMask || instruction.IsBroadcast || instruction.RoundingControl != RoundingControl.None || instruction.SuppressAllExceptions
        || instruction.SegmentPrefix != Register.None || instruction.HasLockPrefix || instruction.HasRepPrefix || instruction.HasRepnePrefix;

    private static MachineFault Unknown() => new("unknown instruction, or form of one");

    private ulong Address(in Instruction instruction)
    {
        ulong address = instruction.MemoryDisplacement64;
        if (instruction.MemoryBase != Register.None)
            address += registers[instruction.MemoryBase];
        if (instruction.MemoryIndex != Register.None)
            address += registers[instruction.MemoryIndex] * (ulong)instruction.MemoryIndexScale;
        return address;
    }

    private ulong Pop()
    {
        ReadOnlySpan<uint> words = Load(registers[Register.RSP], 2);
        registers[Register.RSP] += sizeof(ulong);
        return words[0] | ((ulong)words[1] << 32);
    }

    private ReadOnlySpan<uint> Load(ulong address, int words) => memory.Load(InUse(address), words);

    private void Store(ulong address, ReadOnlySpan<uint> words) => memory.Store(InUse(address), words);

    // What lies below the stack pointer an interrupt may overwrite; that System V keeps 128 bytes of it no kernel makes use of.
    private ulong InUse(ulong address)
    {
        ulong stack = registers[Register.RSP];
        return address < stack && address > stack - StackBytes ? throw new MachineFault("an access below the stack pointer") : address;
    }
}
