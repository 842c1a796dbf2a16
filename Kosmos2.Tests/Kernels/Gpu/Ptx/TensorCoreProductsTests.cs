using ILGPU.Runtime.Cuda;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>From operands on the device to the driver's calls: which text, how many blocks, which arguments, and what comes out.</summary>
[NonParallelizable]
internal sealed class TensorCoreProductsTests
{
    private const int Multiprocessors = 132;
    private const nint Stream = 77;

    [Test]
    public void ALayerIsRoundedAndMultiplied([Values(DType.BF16, DType.F16)] DType type, [Values(9, 40)] int rows)
    {
        const int Inputs = 72, Outputs = 20;
        CudaDriver driver = FakeCudaDriver.Create();
        using var products = new TensorCoreProducts(driver, PtxTarget.Ampere, Multiprocessors, driver.MostSharedBytes(0));
        float[] x = Samples.Normal(1, rows, Inputs), w = Samples.Normal(2, Outputs, Inputs);
        PtxGlobalMemory memory = FakeCudaDriver.Memory = new PtxGlobalMemory();
        ulong given = memory.Add(x), rounded = memory.Add(new ushort[x.Length]), y = memory.Add(new float[rows * Outputs]);
        ulong weight = memory.Add(Array.ConvertAll(w, v => type == DType.F16 ? BitConverter.HalfToUInt16Bits((Half)v) : (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16)));
        products.Round(Stream, type, given, rounded, x.Length);
        products.Multiply(Stream, type, new ProductOperands(rounded, weight, 0, 0, y), rows, Inputs, Outputs, Activation.Relu);
        Assert.That(FakeCudaDriver.Fault, Is.Null);
        float[] actual = memory.Read<float>(y);
        for (int i = 0; i < actual.Length; i++)
        {
            double exact = Enumerable.Range(0, Inputs).Sum(k => (double)x[(i / Outputs * Inputs) + k] * w[(i % Outputs * Inputs) + k]);
            Assert.That(actual[i], Is.EqualTo(Math.Max(exact, 0)).Within(0.3), $"element {i}");
        }
    }

    [Test]
    public void AnExactLayerIsMultiplied([Values(DType.F32, DType.BF16)] DType type)
    {
        const int Rows = 18, Inputs = 36, Outputs = 7;
        using var products = new ExactProducts(FakeCudaDriver.Create(), PtxTarget.Ampere, Multiprocessors);
        float[] x = Samples.Normal(1, Rows, Inputs), w = Array.ConvertAll(Samples.Normal(2, Outputs, Inputs), v => MathF.Round(8 * v) / 8);
        PtxGlobalMemory memory = FakeCudaDriver.Memory = new PtxGlobalMemory();
        ulong given = memory.Add(x), y = memory.Add(new float[Rows * Outputs]);
        ulong weight = type == DType.F32 ? memory.Add(w) : memory.Add(Array.ConvertAll(w, v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16)));
        Assert.That(ExactProducts.Takes(type, Rows, Inputs, given, weight));
        products.Multiply(Stream, type, new ProductOperands(given, weight, 0, 0, y), Rows, Inputs, Outputs, Activation.Identity);
        Assert.That(FakeCudaDriver.Fault, Is.Null);
        float[] actual = memory.Read<float>(y);
        for (int i = 0; i < actual.Length; i++)
        {
            double exact = Enumerable.Range(0, Inputs).Sum(k => (double)x[(i / Outputs * Inputs) + k] * w[(i % Outputs * Inputs) + k]);
            Assert.That(actual[i], Is.EqualTo(exact).Within(1e-4), $"element {i}");
        }
    }

    [TestCase(8, 4096, "16x64")]
    [TestCase(17, 4096, "32x64")]
    [TestCase(72, 2048, "64x64")]
    [TestCase(257, 1024, "64x64")]
    [TestCase(64, 65037, "64x64")]
    [TestCase(20, 65037, "32x64")]
    [TestCase(340, 8192, "128x128")]
    [TestCase(4096, 4096, "128x256")]
    public void TheTileFitsTheShape(int rows, int outputs, string tile) =>
        Assert.That(MatmulTile.For(rows, outputs, Multiprocessors, 232448).ToString(), Is.EqualTo(tile));

    [Test]
    public void ALargeTileIsNotTakenWhereItsMemoryIsMissing() =>
        Assert.That(MatmulTile.For(4096, 4096, Multiprocessors, 65536).ToString(), Is.EqualTo("128x128"));

    [Test]
    public void WhatIsNotWholeChunksIsLeftToOthers()
    {
        Assert.That(TensorCoreProducts.Takes(DType.BF16, TensorCoreProducts.LeastRows, 64, 256, 512));
        Assert.That(TensorCoreProducts.Takes(DType.F32, 8, 64, 256, 512), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.BF16, TensorCoreProducts.LeastRows - 1, 64, 256, 512), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.BF16, 8, 60, 256, 512), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.BF16, 8, 64, 264, 512), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.BF16, 8, 64, 256, 520), Is.False);
        Assert.That(ExactProducts.Takes(DType.BF16, 16, 60, 256, 520));
        Assert.That(ExactProducts.Takes(DType.F32, 16, 60, 256, 520), Is.False);
        Assert.That(ExactProducts.Takes(DType.F32, 16, 62, 256, 512), Is.False);
        Assert.That(ExactProducts.Takes(DType.F32, 15, 60, 256, 512), Is.False);
    }

    [Test]
    public void ALaunchPassesItsArgumentsAndAllocatesNothing()
    {
        CudaDriver driver = FakeCudaDriver.Create();
        using (var products = new TensorCoreProducts(driver, PtxTarget.Hopper, Multiprocessors, driver.MostSharedBytes(0)))
        {
            MatmulTile tile = MatmulTile.For(100, 8192, Multiprocessors, 232448);
            Multiply();
            Assert.That(FakeCudaDriver.Launched, Is.EqualTo((tile.Blocks(100, 8192), tile.Threads, tile.SharedBytes, Stream, 1UL << 40, 3 << 20)));
            Assert.That(FakeCudaDriver.AllowedSharedBytes, Is.EqualTo(tile.SharedBytes));
            Allocated(100);
            Assert.That(Allocated(100), Is.Zero);
            Assert.That(FakeCudaDriver.Modules, Has.Count.EqualTo(1));

            long Allocated(int times)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int i = 0; i < times; i++)
                    Multiply();
                return GC.GetAllocatedBytesForCurrentThread() - before;
            }

            void Multiply() => products.Multiply(Stream, DType.BF16, new ProductOperands(1UL << 40, 2, 3 << 20, 0, 5), 100, 64, 8192, Activation.Gelu);
        }
        Assert.That(FakeCudaDriver.Unloaded, Is.EqualTo(1));
    }

    [Test]
    public void FailuresAreTyped()
    {
        CudaDriver driver = FakeCudaDriver.Create();
        FakeCudaDriver.Result = 218;
        Assert.That(() => driver.LoadModule("text"), Throws.TypeOf<DeviceUnavailableException>().With.Message.Contains("CUDA_ERROR_INVALID_PTX").And.Message.Contains("line 7"));
        Assert.That(() => driver.Launch(1, 1, 1, 0, 0, [1, 2, 3]), Throws.TypeOf<CudaException>().With.Message.Contains("CUDA_ERROR_INVALID_PTX"));
        FakeCudaDriver.Result = 719;
        Assert.That(() => driver.Launch(1, 1, 1, 0, 0, [1, 2, 3]), Throws.TypeOf<CudaException>().With.Message.Contains("719"));
    }
}
