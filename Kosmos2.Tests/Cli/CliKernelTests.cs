namespace Kosmos2.Tests.Cli;

/// <summary>The kernels that the command lists and prints, and the environment's way to switch them off.</summary>
internal sealed class CliKernelTests : CliTestBase
{
    [TestCase("linear_bf16_96x128k4", "sm_90", ".target sm_90")]
    [TestCase("linear_bf16_128x256", "sm_80", ".target sm_80")]
    [TestCase("RowKernels.L2Normalize", "sm_90", ".version 7.8")] // ILGPU names no target after sm_80
    [TestCase("RowKernels.L2Normalize", "sm_80", ".version 7.0")]
    public async Task A_GPU_kernel_is_printed_for_its_target(string kernel, string target, string line)
    {
        CliResult result = await CliProcess.RunAsync("kernels", "--ptx", kernel, "--target", target);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Lines, Does.Contain(line));
        Assert.That(result.Lines.Count(line => line.StartsWith(".visible .entry ", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public async Task An_assembled_kernel_is_printed_from_its_first_byte_to_its_return()
    {
        CliResult largest = await CliProcess.RunAsync("kernels", "--disassemble", "f32"), one = await CliProcess.RunAsync("kernels", "--disassemble", "f32", "--rows", "1");
        Assert.That((largest.ExitCode, one.ExitCode), Is.EqualTo((0, 0)), one.ToString());
        Assert.That(one.Lines[0], Does.StartWith("00000  "));
        Assert.That(one.Lines[^1], Does.Match("^[0-9A-F]{5}  ret$"));
        Assert.That(one.Lines, Has.Some.Contains("vfmadd231ps"));
        Assert.That(largest.Lines, Has.Length.GreaterThan(one.Lines.Length));
    }

    [TestCase("--ptx nothing", ExpectedResult = "no GPU kernel 'nothing'")]
    [TestCase("--ptx linear_bf16_96x128k4", ExpectedResult = "runs in clusters of blocks, which sm_80 does not have; name sm_90")]
    [TestCase("--ptx linear_bf16_128x256 --target sm_70", ExpectedResult = "no target 'sm_70'; known are sm_80, sm_90")]
    [TestCase("--disassemble f64", ExpectedResult = "no assembled kernel 'f64'")]
    [TestCase("--disassemble f32 --rows 13", ExpectedResult = "1 to 12 rows")]
    [TestCase("--disassemble f32 --ptx linear_bf16_128x256", ExpectedResult = "exclude each other")]
    [TestCase("--rows 1", ExpectedResult = "--rows goes with --disassemble")]
    [TestCase("--target sm_90", ExpectedResult = "--target goes with --ptx")]
    public async Task<string> A_kernel_that_there_is_not_is_refused(string arguments)
    {
        string expected = (string)TestContext.CurrentContext.Test.ExpectedResult!;
        Refused(await CliProcess.RunAsync(["kernels", .. arguments.Split(' ')]), expected);
        return expected;
    }

    [Test]
    public async Task The_environment_switches_kernels_off()
    {
        CliResult result = await Without("Assembler, avx512");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        string[] kernels = [.. result.Lines.TakeWhile(line => !line.Contains("PTX", StringComparison.Ordinal))];
        Assert.That(kernels.Where(line => line.Contains(" assembled ", StringComparison.Ordinal)), Is.Not.Empty.And.All.EndsWith("off: disabled: assembler"));
        Assert.That(kernels.Single(line => line.StartsWith("avx512 ", StringComparison.Ordinal)), Does.Contain(" off: "));
        Refused(await Without("nothing"), "KOSMOS2_DISABLE names the kernel 'nothing'; known are avx512, ");

        static Task<CliResult> Without(string kernels) => CliProcess.RunAsync(CliProcess.Start(["kernels"], null, ("KOSMOS2_DISABLE", kernels)));
    }

    /// <summary>What the environment leaves is what answers.</summary>
    [Test]
    public async Task An_answer_without_vectors_and_assembler_is_the_same()
    {
        CliResult all = await CliProcess.RunAsync("caption", Scene(1), "--device", "cpu");
        CliResult none = await CliProcess.RunAsync(
            CliProcess.Start(["caption", Scene(1), "--device", "cpu"], null, ("KOSMOS2_DISABLE", "avx512,avx2,vector128,assembler")));
        Assert.That(none.ExitCode, Is.Zero, none.ToString());
        Assert.That(none.Out, Is.EqualTo(all.Out));
    }
}
