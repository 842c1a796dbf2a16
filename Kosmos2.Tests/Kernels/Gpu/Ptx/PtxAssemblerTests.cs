using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>
/// NVIDIA's assembler, where there is one, on every kernel: it must take the text and keep everything in registers. Kernels of few rows have all that a
/// multiprocessor has, and may put a few numbers away for as long as their innermost loop runs, which has no use for them.
/// </summary>
internal sealed partial class PtxAssemblerTests
{
    // Of 128 registers.
    private const int MostSpilledByFewRows = 20 * sizeof(float);

    private static readonly PtxTarget[] Targets = [PtxTarget.Ampere, PtxTarget.Hopper];

    [Test]
    public void EveryKernelIsAssembledWithoutSpilling([ValueSource(nameof(Targets))] PtxTarget target)
    {
        string assembler = Find() ?? "";
        if (assembler.Length == 0)
            Assert.Inconclusive("no ptxas on the PATH or in KOSMOS2_PTXAS");
        string folder = Directory.CreateTempSubdirectory("kosmos2-ptx").FullName;
        try
        {
            string[] kernels = [.. GpuKernelCatalog.WrittenFor(target), .. GpuKernelCatalog.Translated];
            string[] files = [.. kernels.Select((_, index) => Path.Combine(folder, $"{index}.ptx"))];
            for (int i = 0; i < kernels.Length; i++)
                File.WriteAllText(files[i], GpuKernelCatalog.Ptx(kernels[i], target));
            Assert.Multiple(() =>
            {
                for (int i = 0; i < kernels.Length; i++)
                    Assemble(assembler, target, kernels[i], files[i]);
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [GeneratedRegex(@"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")]
    private static partial Regex SpillPattern();

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex RegisterPattern();

    private static void Assemble(string assembler, PtxTarget target, string kernel, string file)
    {
        var start = new ProcessStartInfo(assembler, ["-v", "-arch", target.ToString(), "-o", file + ".cubin", file]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string said = process.StandardError.ReadToEnd() + output.Result;
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{kernel}: {said}");
        int allowed = kernel.StartsWith(nameof(FewRowKernels), StringComparison.Ordinal) ? MostSpilledByFewRows : 0;
        Assert.That(int.Parse(SpillPattern().Match(said).Groups[2].Value, CultureInfo.InvariantCulture), Is.LessThanOrEqualTo(allowed), $"{kernel}: {said}");
        TestContext.Out.WriteLine($"{target} {kernel}: {RegisterPattern().Match(said).Groups[1].Value} registers");
    }

    private static string? Find() =>
        Environment.GetEnvironmentVariable("KOSMOS2_PTXAS") is { Length: > 0 } named ? named
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
                .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "ptxas.exe" : "ptxas")).FirstOrDefault(File.Exists);
}
