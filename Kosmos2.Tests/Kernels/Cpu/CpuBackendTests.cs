using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Assembler;
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

    [Test]
    public void WithoutExecutableMemoryTheCompiledKernelsRun()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 1 }, _ => null);
        Assert.That(backend.Description, Does.Contain("compiled matmul"));
        using var bench = new Workbench(backend);
        Tensor y = bench.Result(1, 1);
        backend.Linear(bench.Floats([2, 3], 1, 2), new LinearParameters(bench.Weight([5, 7], DType.F32, 1, 2), null), y);
        Assert.That(bench.Read(y), Is.EqualTo(new float[] { 31 }));
    }

    [Test]
    public void KernelsAreAssembledWhereTheMachineHasTheInstructions()
    {
        if (!CpuFeatures.IsSupported(InstructionSet.Vector512))
            Assert.Inconclusive("not run: kernels are assembled for AVX-512 only");
        using ExecutableMemory? memory = ExecutableMemory.TryCreate(new TileAssembler(TileArithmetic.Float32).Assemble().Code);
        Assert.That(memory, Is.Not.Null, "the system refuses executable memory");
        using var backend = new CpuBackend(new CpuOptions { InstructionSet = InstructionSet.Vector512, Threads = 1 });
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
