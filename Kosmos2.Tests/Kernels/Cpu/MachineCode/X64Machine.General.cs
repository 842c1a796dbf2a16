using Iced.Intel;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <content>General-purpose registers and what follows from them: addresses and conditions.</content>
internal sealed partial class X64Machine
{
    private (bool Zero, bool Less)? _flags;

    private bool TryGeneral(in Instruction instruction)
    {
        Register target = instruction.Op0Register;
        bool wide = target.IsGPR64();
        if (instruction.Op0Kind != OpKind.Register || !(wide || target.IsGPR32()))
            return false;
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Mov:
                registers[target] = Value(instruction, 1);
                return true;
            case Mnemonic.Lea:
                registers[target] = Address(instruction);
                return true;
            case Mnemonic.Add:
                Set(target, Signed(registers[target], wide) + (Int128)Signed(Value(instruction, 1), wide));
                return true;
            case Mnemonic.Sub:
                Set(target, Signed(registers[target], wide) - (Int128)Signed(Value(instruction, 1), wide));
                return true;
            case Mnemonic.Dec:
                Set(target, Signed(registers[target], wide) - Int128.One);
                return true;
            case Mnemonic.Xor:
                Set(target, Signed(registers[target] ^ Value(instruction, 1), wide));
                return true;
            case Mnemonic.Shl when instruction.Op1Kind == OpKind.Immediate8:
                registers[target] <<= instruction.Immediate8;
                _flags = null;
                return true;
            default:
                return false;
        }
    }

    // With the exact result at hand "less" (the sign is not the overflow) is its sign.
    private void Set(Register target, Int128 exact)
    {
        registers[target] = (ulong)(exact & ulong.MaxValue);
        _flags = (registers[target] == 0, exact < 0);
    }

    private static long Signed(ulong value, bool wide) => wide ? (long)value : (int)value;

    private bool Holds(Mnemonic condition)
    {
        (bool zero, bool less) = _flags ?? throw new MachineFault("a condition that nothing has set");
        return condition switch { Mnemonic.Je => zero, Mnemonic.Jne => !zero, Mnemonic.Jl => less, _ => !less };
    }

    private ulong Value(in Instruction instruction, int operand)
    {
        switch (instruction.GetOpKind(operand))
        {
            case OpKind.Register:
                return registers[instruction.GetOpRegister(operand)];
            case OpKind.Memory when instruction.MemorySize == MemorySize.UInt64:
                ReadOnlySpan<uint> words = Load(Address(instruction), 2);
                return words[0] | ((ulong)words[1] << 32);
            case OpKind.Memory:
                throw Unknown();
            default:
                return instruction.GetImmediate(operand);
        }
    }
}
