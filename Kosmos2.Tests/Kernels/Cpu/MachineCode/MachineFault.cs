using System.Globalization;
using Iced.Intel;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>What a processor would answer with a signal, or not at all until something else breaks.</summary>
internal sealed class MachineFault : Exception
{
    public MachineFault(string what)
        : base(what)
    {
    }

    public MachineFault(string what, in Instruction at)
        : base(string.Create(CultureInfo.InvariantCulture, $"{what}, at {at.IP:x4}: {at}"))
    {
    }
}
