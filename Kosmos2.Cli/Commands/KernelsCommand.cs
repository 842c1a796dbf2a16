using System.CommandLine;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Cli.Commands;

/// <summary>Shows the kernels: which of the CPU's are in use and why the others are not, their machine code, and the GPU's in PTX.</summary>
internal static class KernelsCommand
{
    public static Command Make()
    {
        var disassemble = new Option<string?>("--disassemble") { Description = $"Print an assembled kernel's machine code: {string.Join(", ", KernelCatalog.AssembledNames)}.", HelpName = "NAME" };
        var rows = new Option<int?>("--rows") { Description = "Of the tile with so many rows; without it, the largest.", HelpName = "N" };
        var ptx = new Option<string?>("--ptx") { Description = "Print a GPU kernel in PTX, as a CUDA device gets it; no device is needed.", HelpName = "NAME" };
        var target = new Option<string?>("--target") { Description = "For sm_80 or sm_90; without it, sm_80.", HelpName = "TARGET" };
        SharedOptions.Positive(rows);
        var command = new Command("kernels", "List the kernels, or print the code of one.") { disassemble, rows, ptx, target };
        command.Validators.Add(result =>
        {
            if (result.GetResult(disassemble) is not null && result.GetResult(ptx) is not null)
                result.AddError("--disassemble and --ptx exclude each other");
        });
        command.SetAction(parse =>
        {
            if (parse.GetValue(rows) is not null && parse.GetValue(disassemble) is null)
                throw new UsageException("--rows goes with --disassemble");
            if (parse.GetValue(target) is not null && parse.GetValue(ptx) is null)
                throw new UsageException("--target goes with --ptx");
            if (parse.GetValue(disassemble) is { } name)
                Print(() => KernelCatalog.Disassemble(name, parse.GetValue(rows)));
            else if (parse.GetValue(ptx) is { } kernel)
                Print(() => [GpuKernelCatalog.Ptx(kernel, PtxTarget.Parse(parse.GetValue(target) ?? "sm_80")).TrimEnd()]);
            else
                List();
            return ExitCode.Ok;
        });
        return Examples.Attach(
            command, "kosmos2 kernels", "kosmos2 kernels --disassemble bf16", "kosmos2 kernels --disassemble f32 --rows 1", "kosmos2 kernels --ptx linear_bf16_128x256 --target sm_90");
    }

    private static void List()
    {
        foreach (KernelEntry kernel in KernelCatalog.List())
        {
            string kind = kernel.Assembled ? "assembled" : "compiled", state = kernel.Off is null ? "on" : $"off: {kernel.Off}";
            Console.Out.WriteLine($"{kernel.Name,-10} {kind,-10} {kernel.Purpose,-42} {state}");
        }
        Console.Out.WriteLine();
        foreach (string name in GpuKernelCatalog.Written)
            Console.Out.WriteLine($"{name,-46} CUDA, written in PTX");
        foreach (string name in GpuKernelCatalog.Translated)
            Console.Out.WriteLine($"{name,-46} CUDA and OpenCL, translated by ILGPU");
    }

    private static void Print(Func<IEnumerable<string>> lines)
    {
        try
        {
            foreach (string line in lines())
                Console.Out.WriteLine(line);
        }
        catch (ArgumentException problem)
        {
            throw new UsageException(problem.Message);
        }
    }
}
