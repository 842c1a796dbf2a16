using Iced.Intel;
using Kosmos2.Kernels.Cpu.Assembler;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>Calls an assembled kernel as C would, in either calling convention, and looks whether it leaves behind what the convention wants.</summary>
internal sealed class KernelCall
{
    private const int StackWords = 256;

    // rsp + 8, where the callee finds itself, is a multiple of 16, as the stack's first word lies 4 bytes past one.
    private const int StackTop = (StackWords / 2) + 1;

    private static readonly Register[] SystemVArguments = [Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9];
    private static readonly Register[] WindowsArguments = [Register.RCX, Register.RDX, Register.R8, Register.R9];
    private static readonly Register[] Saved = [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];
    private static readonly Register[] SavedOnWindows = [Register.RDI, Register.RSI, .. Enumerable.Range(0, 10).Select(i => Register.XMM6 + i)];

    private readonly byte[] _code;
    private readonly int[] _offsets;
    private readonly bool _windows;

    public KernelCall(KernelAssembler assembler, bool windows)
    {
        (_code, _offsets) = assembler.Assemble(windows);
        _windows = windows;
    }

    /// <summary>Rows of the largest tile there is a kernel for.</summary>
    public int MostRows => _offsets.Length;

    /// <summary>Runs the kernel for a number of rows.</summary>
    /// <param name="rows">How many.</param>
    /// <param name="memory">What it may see besides its stack.</param>
    /// <param name="arguments">At most six.</param>
    /// <returns>The machine, which knows what was executed.</returns>
    public X64Machine Run(int rows, VirtualMemory memory, params ReadOnlySpan<ulong> arguments)
    {
        MachineRegisters registers = new(seed: 1), before = new(seed: 1);
        var stack = new float[StackWords];
        Array.Fill(stack, MathF.PI);
        ulong top = memory.Add(stack, writable: true) + (StackTop * sizeof(float));
        registers[Register.RSP] = top;
        Put(stack, StackTop, X64Machine.ReturnAddress);
        Register[] passed = _windows ? WindowsArguments : SystemVArguments;
        for (int i = 0; i < arguments.Length; i++)
        {
            // Those that no register is left for follow the return address and the four slots that are the callee's.
            if (i >= passed.Length)
                Put(stack, StackTop + (2 * (1 + i)), arguments[i]);
            else
                registers[passed[i]] = before[passed[i]] = arguments[i];
        }
        float[] callers = stack[(StackTop + 2)..];

        var machine = new X64Machine(_code, memory, registers);
        machine.Run(_offsets[rows - 1]);
        if (registers[Register.RSP] != top + sizeof(ulong))
            throw new MachineFault("the stack pointer is not where it was");
        if (!stack.AsSpan(StackTop + 2).SequenceEqual(callers))
            throw new MachineFault("the caller's stack was changed");
        foreach (Register register in _windows ? Saved.Concat(SavedOnWindows) : Saved)
        {
            if (register.IsGPR64() ? registers[register] != before[register] : !registers.Vector(register).SequenceEqual(before.Vector(register)))
                throw new MachineFault($"{register} is not what it was");
        }
        return registers.AnyUpper() ? throw new MachineFault("vzeroupper is missing") : machine;
    }

    private static void Put(float[] words, int index, ulong value)
    {
        words[index] = BitConverter.UInt32BitsToSingle((uint)value);
        words[index + 1] = BitConverter.UInt32BitsToSingle((uint)(value >> 32));
    }
}
