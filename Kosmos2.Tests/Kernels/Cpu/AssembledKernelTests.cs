using System.Runtime.InteropServices;
using Iced.Intel;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Roofline;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;
using Kosmos2.Tests.Kernels.Cpu.MachineCode;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>
/// Every assembled kernel, executed instruction by instruction on whatever processor this is, and by the processor itself where it has the instructions.
/// </summary>
internal sealed class AssembledKernelTests
{
    private const ulong Ahead = 0x5000_0000_0000;

    private readonly CpuBackend _backend = new(new CpuOptions { Threads = 1, Weights = WeightResidency.Mapped });

    [OneTimeTearDown]
    public void DisposeBackend() => _backend.Dispose();

    [Test]
    public void NoneIsForgotten() => Assert.That(ProductKernel.All.Select(kernel => kernel.Name), Is.EquivalentTo(KernelCatalog.AssembledNames));

    /// <summary>In all numbers of rows, in both calling conventions, to the bits that kernels without assembler give, and without touching anything else.</summary>
    [Test]
    public void ProductsAreExactlyThoseOfTheFormat([ValueSource(typeof(ProductKernel), nameof(ProductKernel.All))] ProductKernel kernel)
    {
        (int Lines, KernelCall Call)[] variants =
        [
            (0, new KernelCall(kernel.Assembler(0), windows: true)),
            .. kernel.LinesAhead.Select(lines => (lines, new KernelCall(kernel.Assembler(lines), windows: false))),
        ];
        Assert.That(variants, Has.All.Matches<(int Lines, KernelCall Call)>(variant => variant.Call.MostRows == kernel.MostRows));
        for (int rows = 1; rows <= kernel.MostRows; rows++)
        {
            foreach (int steps in (int[])[1, 2, 3, 4, 5, 8, kernel.BlockSteps + 3])
            {
                int inputs = (steps * kernel.StepInputs) - (kernel.StepInputs / 3), stride = kernel.Width + (steps % 2 * 5);
                float[] product = Multiply(kernel, rows, inputs, stride, Tile), exact = Oracle(kernel, rows, inputs);
                double error = product.Zip(exact, (y, e) => Math.Pow(y - e, 2)).Sum(), norm = exact.Sum(e => (double)e * e);
                Assert.That(Math.Sqrt(error / norm), Is.LessThan(kernel.RoundingError), $"{rows} rows, {steps} steps, against the oracle");
            }
        }

        void Tile(int rows, float[] a, float[] b, float[] c, int depth, int stride)
        {
            float[] expected = [.. c], before = [.. c];
            kernel.Expected(rows, a, b, expected, depth, stride);
            foreach ((int lines, KernelCall call) in variants)
            {
                before.CopyTo(c, 0);
                X64Machine machine = Interpret(call, rows, a, b, c, depth, stride);
                AssertSame(c, expected, kernel.Tolerance, $"{rows} rows, {depth} steps, {lines} lines ahead");
                if (lines > 0)
                    Assert.That(machine.Prefetched, Is.EqualTo(Enumerable.Range(0, depth * kernel.StepLoads / 4 * lines).Select(line => Ahead + (ulong)(line * CacheLine.Bytes))));
            }
        }
    }

    [Test]
    public void TheProcessorGivesTheSameBits()
    {
        ProductKernel[] kernels = [.. ProductKernel.All.Where(kernel => kernel.Runs)];
        if (kernels.Length == 0)
            Assert.Ignore("this processor has none of the kernels' instructions");
        foreach (ProductKernel kernel in kernels)
        {
            var call = new KernelCall(kernel.Assembler(0), windows: false);
            (byte[] code, int[] offsets) = kernel.Assembler(0).Assemble();
            using ExecutableMemory? memory = ExecutableMemory.TryCreate(code);
            if (memory is null)
                Assert.Ignore("the system refuses executable memory");
            TileProduct silicon = TileSums.Of(TileTable.Assembled(Array.ConvertAll(offsets, offset => memory.Address + offset)));
            for (int rows = 1; rows <= kernel.MostRows; rows++)
            {
                Multiply(kernel, rows, kernel.StepInputs * (kernel.BlockSteps + 5), kernel.Width, (count, a, b, c, depth, stride) =>
                {
                    float[] expected = [.. c];
                    silicon(count, a, b, expected, depth, stride);
                    Interpret(call, count, a, b, c, depth, stride);
                    AssertSame(c, expected, kernel.Tolerance, $"{kernel}, {rows} rows");
                });
            }
        }
    }

    /// <summary>Each operand is read to its last word: without it a kernel reads what is not there.</summary>
    [Test]
    public void AWordLessIsMissed([ValueSource(typeof(ProductKernel), nameof(ProductKernel.All))] ProductKernel kernel, [Values(0, 1, 2)] int operand)
    {
        var call = new KernelCall(kernel.Assembler(0), windows: false);
        Multiply(kernel, kernel.MostRows, 5 * kernel.StepInputs, kernel.Width, (rows, a, b, c, depth, stride) =>
        {
            float[] Operand(int i, float[] whole) => i == operand ? whole[..^1] : whole;
            Assert.That(
                () => Interpret(call, rows, Operand(0, a), Operand(1, b), Operand(2, c), depth, stride),
                Throws.TypeOf<MachineFault>().With.Message.Contains("are not there"));
        });
    }

    /// <summary>A kernel has no instruction that a machine may lack on which it is chosen.</summary>
    [Test]
    public void InstructionsAreThoseThatTheMachineIsAskedFor([ValueSource(typeof(ProductKernel), nameof(ProductKernel.All))] ProductKernel kernel)
    {
        CpuidFeature[] avx2 = [CpuidFeature.AVX, CpuidFeature.AVX2, CpuidFeature.FMA], avx512 = [CpuidFeature.AVX512F, CpuidFeature.AVX512BW, CpuidFeature.AVX512DQ];
        CpuidFeature[] basic = [CpuidFeature.X64, CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL386, CpuidFeature.SSE];
        CpuidFeature[] allowed = kernel.Name switch
        {
            "f32-avx2" or "int8-avx2" => [.. basic, .. avx2],
            "f32" or "bf16-exact" => [.. basic, .. avx2, .. avx512],
            "bf16" => [.. basic, .. avx2, .. avx512, CpuidFeature.AVX512_BF16],
            _ => [.. basic, .. avx2, .. avx512, CpuidFeature.AVX512_VNNI],
        };
        var call = new KernelCall(kernel.Assembler(kernel.LinesAhead[^1]), windows: true);
        Multiply(kernel, kernel.MostRows, 5 * kernel.StepInputs, kernel.Width, (rows, a, b, c, depth, stride) =>
            Assert.That(Interpret(call, rows, a, b, c, depth, stride).Needed, Is.SubsetOf(allowed)));
    }

    [Test]
    public void ALoopOfOneInstructionTurnsAsOftenAsItIsTold([Values] PeakLoop loop, [Values] bool windows)
    {
        const int Turns = 3;
        var memory = new VirtualMemory();
        X64Machine machine = new KernelCall(new PeakAssembler(loop), windows).Run(1, memory, memory.Add(new float[16]), 0, 0, Turns);
        // On Windows an addition more gives the stack back.
        Mnemonic instruction = loop switch
        {
            PeakLoop.Clock => Mnemonic.Add,
            PeakLoop.Fma128 or PeakLoop.Fma256 or PeakLoop.Fma512 => Mnemonic.Vfmadd231ps,
            _ => Enum.Parse<Mnemonic>(loop.Name(), ignoreCase: true),
        };
        Assert.That(machine.Executed[instruction] - (loop == PeakLoop.Clock && windows ? 1 : 0), Is.EqualTo(Turns * PeakAssembler.Instructions));
        Assert.That(machine.Executed[Mnemonic.Jne], Is.EqualTo(Turns));
    }

    [Test]
    public void ReadingMeetsEachWordOnce([Values] bool wide, [Values(0, 4096)] int ahead, [Values(1, 2, 4)] int streams, [Values] bool windows)
    {
        const int Turns = 4;
        var memory = new VirtualMemory();
        ulong words = memory.Add(new float[Turns * StreamAssembler.TurnBytes / sizeof(float)]);
        var call = new KernelCall(new StreamAssembler(wide, ahead, streams), windows);
        X64Machine machine = call.Run(1, memory, words, 0, 0, Turns, (ulong)(Turns * StreamAssembler.TurnBytes / streams));
        Assert.That(memory.Loads(words), Is.All.EqualTo(1));
        Assert.That(machine.Prefetched.Distinct().Count(), Is.EqualTo(ahead == 0 ? 0 : Turns * StreamAssembler.TurnBytes / CacheLine.Bytes));
    }

    private float[] Multiply(ProductKernel kernel, int rows, int inputs, int stride, TileProduct tile)
    {
        using var bench = new Workbench(_backend);
        return kernel.Multiply(Samples.Normal(1, rows, inputs), rows, (CpuWeight)kernel.Weight(bench, inputs), stride, tile);
    }

    private static float[] Oracle(ProductKernel kernel, int rows, int inputs)
    {
        using var backend = new ReferenceBackend();
        using var bench = new Workbench(backend);
        Tensor y = bench.Result(rows, kernel.Width);
        backend.Linear(bench.Random(1, rows, inputs), new LinearParameters(kernel.Weight(bench, inputs), null), y);
        return bench.Read(y);
    }

    private static X64Machine Interpret(KernelCall kernel, int rows, float[] a, float[] b, float[] c, int depth, int stride)
    {
        var memory = new VirtualMemory();
        return kernel.Run(rows, memory, memory.Add(a), memory.Add(b), memory.Add(c, writable: true), (ulong)depth, (ulong)stride, Ahead);
    }

    private static void AssertSame(float[] actual, float[] expected, float tolerance, string what)
    {
        if (MemoryMarshal.AsBytes<float>(actual).SequenceEqual(MemoryMarshal.AsBytes<float>(expected)))
            return;
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = BitConverter.SingleToUInt32Bits(actual[i]) == BitConverter.SingleToUInt32Bits(expected[i])
                || (tolerance > 0 && Math.Abs(actual[i] - expected[i]) <= tolerance * (1 + Math.Abs(expected[i])));
            Assert.That(same, $"{what}: element {i} is {actual[i]:R}, not {expected[i]:R}");
        }
    }
}
