using System.CommandLine;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Cli.Commands;

/// <summary>Shows the CPU's kernels: which are in use, why the others are not, and the code of those assembled at run time.</summary>
internal static class KernelsCommand
{
    public static Command Make()
    {
        var disassemble = new Option<string?>("--disassemble") { Description = $"Print an assembled kernel's machine code: {string.Join(", ", KernelCatalog.AssembledNames)}.", HelpName = "NAME" };
        var rows = new Option<int?>("--rows") { Description = "Of the tile with so many rows; without it, the largest.", HelpName = "N" };
        SharedOptions.Positive(rows);
        var command = new Command("kernels", "List the CPU's kernels, or print the code of one.") { disassemble, rows };
        command.SetAction(parse =>
        {
            if (parse.GetValue(disassemble) is { } name)
                Print(name, parse.GetValue(rows));
            else if (parse.GetValue(rows) is not null)
                throw new UsageException("--rows goes with --disassemble");
            else
                List();
            return ExitCode.Ok;
        });
        return Examples.Attach(command, "kosmos2 kernels", "kosmos2 kernels --disassemble bf16", "kosmos2 kernels --disassemble f32 --rows 1");
    }

    private static void List()
    {
        foreach (KernelEntry kernel in KernelCatalog.List())
        {
            string kind = kernel.Assembled ? "assembled" : "compiled", state = kernel.Off is null ? "on" : $"off: {kernel.Off}";
            Console.Out.WriteLine($"{kernel.Name,-10} {kind,-10} {kernel.Purpose,-42} {state}");
        }
    }

    private static void Print(string name, int? rows)
    {
        try
        {
            foreach (string line in KernelCatalog.Disassemble(name, rows))
                Console.Out.WriteLine(line);
        }
        catch (ArgumentException problem)
        {
            throw new UsageException(problem.Message);
        }
    }
}
