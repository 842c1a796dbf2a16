using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Cpu;

public sealed class CpuBackendTests
{
    [Test]
    public void TheDescriptionNamesWhatIsInUse()
    {
        using var backend = new CpuBackend(new CpuOptions { InstructionSet = InstructionSet.Scalar, Threads = 2 });
        Assert.That(backend.Description, Is.EqualTo("cpu (scalar, compiled matmul, 2 threads)"));
    }

    [Test]
    public void AWidthSwitchedOffIsPassedOver()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 1, Disable = "avx512, avx2,vector128" });
        Assert.That(backend.Description, Does.Contain("scalar"));
    }

    [Test]
    public void WrongOptionsAreRefused()
    {
        Assert.That(() => new CpuBackend(new CpuOptions { Threads = -1 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CpuBackend(new CpuOptions { Threads = 100_000 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CpuBackend(new CpuOptions { Disable = "sse9" }), Throws.ArgumentException.With.Message.Contains("sse9"));
        Assert.That(() => new CpuBackend(new CpuOptions { InstructionSet = (InstructionSet)77 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    /// <summary>
    /// Where the system refuses executable memory the compiled kernels take over, to the same bits: in a product of F32 weights, mapped and packed, and in exact
    /// products of smaller ones.
    /// </summary>
    [Test]
    public void WithoutExecutableMemoryTheCompiledKernelsGiveTheSameBits([Values] WeightResidency weights, [Values(1, 7, 65)] int rows)
    {
        var options = new CpuOptions { Threads = 2, Weights = weights };
        using var usual = new CpuBackend(options);
        using var refused = new CpuBackend(options, _ => null);
        using var switchedOff = new CpuBackend(options with { Disable = "executable" });
        Assert.That(new[] { refused.Description, switchedOff.Description }, Has.All.Contains("compiled matmul"));
        float[] expected = Products(usual, rows);
        Assert.That(Products(refused, rows), Is.EqualTo(expected));
        Assert.That(Products(switchedOff, rows), Is.EqualTo(expected));
    }

    /// <summary>Memory may be refused for some kernels only; on any x64 machine, whether it could run them or not.</summary>
    [Test]
    public void ARefusalAtAnyPointIsNoFailure([Range(0, 25, 3)] int granted)
    {
        if (System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64)
            Assert.Inconclusive("not run: kernels are assembled for x64 only");
        int asked = 0;
        using AssembledKernels? kernels = AssembledKernels.TryCreate(
            new CpuFeatures(""), InstructionSet.Vector512, code => asked++ < granted ? ExecutableMemory.TryCreate(code) : null);
        int floats = TileKernels.LinesAhead.Length;
        Assert.That(kernels, granted < floats ? Is.Null : Is.Not.Null);
        TileKernels?[] tables = [kernels?.WidenedBFloat16, kernels?.BFloat16, kernels?.Int8, kernels?.Int4];
        Assert.That(tables.Count(table => table is not null), Is.LessThanOrEqualTo(Math.Max(0, granted - floats) / floats));
    }

    private static float[] Products(CpuBackend backend, int rows)
    {
        using var bench = new Workbench(backend);
        Tensor x = bench.Random(1, rows, 130);
        PreparedWeight[] weights =
        [
            bench.Weight(2, DType.F32, 45, 130), bench.Weight(3, DType.F16, 45, 130), bench.Weight(4, DType.BF16, 45, 130),
            bench.Quantized(5, 8, 45, 130, 0), bench.Quantized(6, 4, 45, 130, 32),
        ];
        var results = new List<float>();
        foreach (PreparedWeight weight in weights)
        {
            Tensor y = bench.Result(rows, 45);
            backend.Linear(x, new LinearParameters(weight, bench.Random(7, 45)), y, Activation.Gelu);
            results.AddRange(bench.Read(y));
        }
        return [.. results];
    }

    [Test]
    public void KernelsAreAssembledWhereTheMachineHasTheInstructions([Values(InstructionSet.Vector256, InstructionSet.Vector512)] InstructionSet set)
    {
        if (!CpuFeatures.IsSupported(set))
            Assert.Inconclusive("not run: this machine has no such vectors");
        using ExecutableMemory? memory = ExecutableMemory.TryCreate([0xC3]);
        Assert.That(memory, Is.Not.Null, "the system refuses executable memory");
        using var backend = new CpuBackend(new CpuOptions { InstructionSet = set, Threads = 1 });
        Assert.That(backend.Description, Does.Contain("assembled matmul"));
    }

    /// <summary>A layer of a decode step, again and again: nothing is left for the garbage collector.</summary>
    [Test]
    public void AStepAllocatesNothing([Values(1, 2)] int threads)
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = threads });
        using var step = new DecodeStep(backend);
        for (int i = 0; i < 200; i++)
            step.Run();
        // Background work of the runtime (tiered compilation) may allocate now and then on its own threads; our workers do in no step.
        long least = long.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            long process = GC.GetTotalAllocatedBytes(precise: true);
            long thread = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 20; i++)
                step.Run();
            thread = GC.GetAllocatedBytesForCurrentThread() - thread;
            process = GC.GetTotalAllocatedBytes(precise: true) - process;
            Assert.That(thread, Is.Zero, "bytes allocated by the calling thread");
            least = Math.Min(least, process);
        }
        Assert.That(least, Is.Zero, "bytes allocated by all threads");
    }
}
