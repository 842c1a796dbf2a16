using Iced.Intel;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <content>Vector registers.</content>
internal sealed partial class X64Machine
{
    private bool TryVector(in Instruction instruction)
    {
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Vmovups or Mnemonic.Vmovdqu or Mnemonic.Vmovdqu32:
                Move(instruction, aligned: false);
                return true;
            case Mnemonic.Vmovaps or Mnemonic.Vmovdqa or Mnemonic.Vmovdqa32:
                Move(instruction, aligned: true);
                return true;
            case Mnemonic.Vbroadcastss or Mnemonic.Vpbroadcastd:
                uint word = instruction.Op1Kind == OpKind.Memory ? Load(Address(instruction), 1)[0]
                    : instruction.Op1Register.IsGPR32() ? (uint)registers[instruction.Op1Register] : registers.Vector(instruction.Op1Register)[0];
                Target(instruction).Fill(word);
                return true;
            default:
                return instruction.Op0Kind == OpKind.Register && instruction.Op0Register.IsVectorRegister()
                    && LaneArithmetic.Find(instruction.Mnemonic) is { } operation && TryCompute(instruction, operation);
        }
    }

    private void Move(in Instruction instruction, bool aligned)
    {
        bool store = instruction.Op0Kind == OpKind.Memory;
        Register register = store ? instruction.Op1Register : instruction.Op0Register;
        if ((store || instruction.Op1Kind == OpKind.Memory) && aligned && Address(instruction) % (ulong)register.GetSize() != 0)
            throw new MachineFault("a vector that is not aligned");
        if (store)
            Store(Address(instruction), registers.Vector(register));
        else
            Source(instruction, 1, registers.Vector(register).Length).CopyTo(Target(instruction));
    }

    private bool TryCompute(in Instruction instruction, Func<uint, uint, uint, uint> operation)
    {
        bool counted = instruction.GetOpKind(instruction.OpCount - 1) == OpKind.Immediate8;
        if (counted != instruction.Mnemonic is Mnemonic.Vpsrlw or Mnemonic.Vpslld)
            return false;
        int words = instruction.Op0Register.GetSize() / sizeof(uint);
        ReadOnlySpan<uint> a = Source(instruction, 1, words), b = instruction.OpCount == 2 || counted ? a : Source(instruction, 2, words);
        Span<uint> target = Target(instruction);
        for (int lane = 0; lane < words; lane++)
            target[lane] = operation(target[lane], a[lane], counted ? instruction.Immediate8 : b[lane]);
        return true;
    }

    private ReadOnlySpan<uint> Source(in Instruction instruction, int operand, int words)
    {
        ReadOnlySpan<uint> source =
            instruction.GetOpKind(operand) == OpKind.Memory ? Load(Address(instruction), words) : registers.Vector(instruction.GetOpRegister(operand));
        return source.Length == words ? source : throw Unknown();
    }

    private Span<uint> Target(in Instruction instruction)
    {
        registers.ClearAbove(instruction.Op0Register);
        return registers.Vector(instruction.Op0Register);
    }
}
