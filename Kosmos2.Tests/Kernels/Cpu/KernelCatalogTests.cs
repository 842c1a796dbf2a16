using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>The kernels by name, their code, and the loops that measure the machine.</summary>
internal sealed class KernelCatalogTests
{
    private static readonly (string Name, string Instruction)[] Products =
        [("f32", "vfmadd231ps"), ("bf16", "vdpbf16ps"), ("bf16-exact", "vpslld"), ("int8", "vpdpbusd"), ("int4", "vpdpbusd"), ("f32-avx2", "vfmadd231ps"), ("int8-avx2", "vpmaddubsw")];

    [Test]
    public void The_code_of_each_assembled_kernel_has_its_instruction_and_ends_in_a_return()
    {
        Assert.That(KernelCatalog.AssembledNames, Is.EquivalentTo(Products.Select(product => product.Name)));
        using (Assert.EnterMultipleScope())
        {
            foreach ((string name, string instruction) in Products)
            {
                string[] one = [.. KernelCatalog.Disassemble(name, 1)], largest = [.. KernelCatalog.Disassemble(name)];
                Assert.That(one, Has.Some.Contains(instruction), name);
                Assert.That(one[^1], Does.EndWith("ret"), name);
                Assert.That(largest, Has.Length.GreaterThan(one.Length), name);
                Assert.That(largest.Count(line => line.EndsWith("ret", StringComparison.Ordinal)), Is.EqualTo(1), name);
            }
        }
    }

    [Test]
    public void Kernels_and_tiles_that_do_not_exist_are_refused()
    {
        Assert.That(() => KernelCatalog.Disassemble("f64"), Throws.ArgumentException.With.Message.Contains("'f64'"));
        Assert.That(() => KernelCatalog.Disassemble("f32", 13), Throws.ArgumentException.With.Message.Contains("1 to 12 rows"));
        Assert.That(() => KernelCatalog.Disassemble("f32-avx2", 7), Throws.ArgumentException.With.Message.Contains("1 to 6 rows"));
    }

    [Test]
    public void One_width_is_on_and_integers_multiply_one_way()
    {
        KernelEntry[] all = [.. KernelCatalog.List()], compiled = [.. all.Where(kernel => !kernel.Assembled && kernel.Name != "integers")];
        bool assembled = all.Where(kernel => kernel.Name is "int8" or "int4").All(kernel => kernel.Off is null);
        Assert.That(all.Single(kernel => kernel.Name == "integers").Off, assembled ? Is.Not.Null : Is.Null);
        Assert.That(compiled.Count(kernel => kernel.Off is null), Is.EqualTo(1));
        Assert.That(compiled.Single(kernel => kernel.Name == "scalar").Off, Is.Not.Empty);
    }

    // Ratios of loops that the processor runs at whole numbers of instructions a cycle; a busy machine may halve any of them, so the best of as many turns as it takes count.
    [Test]
    public void Wider_instructions_are_not_slower()
    {
        using MachinePeaks? peaks = MachinePeaks.TryCreate(new CpuOptions { Threads = 1 });
        if (peaks is null)
            Assert.Ignore("this machine has no loops to measure");
        Assert.That(Measured, Is.EqualTo("").After(10_000, 1));
        Assert.That(peaks.Clock, Is.InRange(0.3e9, 10e9));

        string Measured()
        {
            peaks.MeasureArithmetic();
            string wider = peaks.Peak(PeakLoop.Fma256) > 1.2 * peaks.Peak(PeakLoop.Fma128) ? "" : "256 bits as slow as 128; ";
            return wider + string.Join(", ", peaks.Loops.Where(loop => peaks.PerCycle(loop) is not (>= 0.2 and <= 4.2)).Select(loop => $"{loop.Name()} {peaks.PerCycle(loop):F2} a cycle"));
        }
    }
}
