using ILGPU.Runtime.Cuda;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>From operands on the device to the driver's calls: which text, how many blocks, which arguments, and what comes out.</summary>
[NonParallelizable]
internal sealed class TensorCoreProductsTests
{
    private const int Multiprocessors = 132;
    private const int SharedBytes = 232448;
    private const nint Stream = 77;

    private static MatmulTile Tile(int rows, int outputs, int inputs, int layers) =>
        MatmulTile.For(rows, outputs, inputs, layers, Multiprocessors, SharedBytes, clusters: true, DType.BF16);

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
        products.Multiply(Stream, type, new ProductOperands(rounded, 0, new ProductLayer(weight, 0, y)), rows, Inputs, Outputs, Activation.Relu);
        Assert.That(FakeCudaDriver.Fault, Is.Null);
        float[] actual = memory.Read<float>(y);
        for (int i = 0; i < actual.Length; i++)
        {
            double exact = Enumerable.Range(0, Inputs).Sum(k => (double)x[(i / Outputs * Inputs) + k] * w[(i % Outputs * Inputs) + k]);
            Assert.That(actual[i], Is.EqualTo(Math.Max(exact, 0)).Within(0.3), $"element {i}");
        }
    }

    /// <summary>Rows in bytes, normalised or not, times a weight of bytes.</summary>
    [Test]
    public void ALayerIsMultipliedInBytes([Values] bool norm)
    {
        const int Rows = 21, Inputs = 256, Outputs = 20;
        CudaDriver driver = FakeCudaDriver.Create();
        using var products = new TensorCoreProducts(driver, PtxTarget.Hopper, Multiprocessors, driver.MostSharedBytes(0));
        float[] x = Samples.Normal(1, Rows, Inputs), scales = Array.ConvertAll(Samples.Normal(3, Outputs), v => v / 100);
        sbyte[] w = [.. Enumerable.Range(0, Outputs * Inputs).Select(i => (sbyte)(i * 37))];
        PtxGlobalMemory memory = FakeCudaDriver.Memory = new PtxGlobalMemory();
        ulong given = memory.Add(x), rounded = memory.Add(new byte[ByteRowsText.Size(Rows, Inputs)]), y = memory.Add(new float[Rows * Outputs]);
        ulong ones = memory.Add(Enumerable.Repeat(1f, Inputs).ToArray()), zeros = memory.Add(new float[Inputs]);
        if (norm)
            products.Bytes.Normalise(Stream, given, rounded, Rows, Inputs, ones, zeros, 1e-5f);
        else
            products.Bytes.Round(Stream, given, rounded, Rows, Inputs);
        var layer = new ProductLayer(memory.Add(w), 0, y, memory.Add(scales));
        products.Multiply(Stream, MatmulTypes.Bytes, new ProductOperands(rounded, 0, layer), Rows, Inputs, Outputs, Activation.Identity);
        Assert.That(FakeCudaDriver.Fault, Is.Null);
        float[] actual = memory.Read<float>(y);
        for (int i = 0; i < actual.Length; i++)
        {
            float[] row = x[(i / Outputs * Inputs)..(((i / Outputs) + 1) * Inputs)];
            double mean = norm ? row.Average() : 0, factor = norm ? 1 / Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + 1e-5) : 1;
            double exact = scales[i % Outputs] * Enumerable.Range(0, Inputs).Sum(k => (row[k] - mean) * factor * w[(i % Outputs * Inputs) + k]);
            Assert.That(actual[i], Is.EqualTo(exact).Within(50 * Math.Abs(scales[i % Outputs])), $"element {i}");
        }
    }

    [TestCase(71, 2048, 2048, 3)]
    [TestCase(71, 8192, 2048, 1)]
    [TestCase(257, 4096, 1024, 1)]
    [TestCase(16, 2048, 8192, 1)]
    public void BytesHaveTilesThatAreGroupsOfInputs(int rows, int outputs, int inputs, int layers)
    {
        MatmulTile tile = MatmulTile.For(rows, outputs, inputs / 2, layers, Multiprocessors, SharedBytes, clusters: true, MatmulTypes.Bytes);
        Assert.That(tile.TakesBytes);
        Assert.That(tile.Count(rows, outputs) * layers * tile.Splits, Is.GreaterThanOrEqualTo(64), $"{tile}");
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
        products.Multiply(Stream, type, new ProductOperands(given, 0, new ProductLayer(weight, 0, y)), Rows, Inputs, Outputs, Activation.Identity);
        Assert.That(FakeCudaDriver.Fault, Is.Null);
        float[] actual = memory.Read<float>(y);
        for (int i = 0; i < actual.Length; i++)
        {
            double exact = Enumerable.Range(0, Inputs).Sum(k => (double)x[(i / Outputs * Inputs) + k] * w[(i % Outputs * Inputs) + k]);
            Assert.That(actual[i], Is.EqualTo(exact).Within(1e-4), $"element {i}");
        }
    }

    /// <summary>The model's products on an H200: the tile holds the rows of a batch or of a prompt at once, and the blocks fill the card.</summary>
    [TestCase(4, 2048, 2048, 1, "16x64k4")]
    [TestCase(16, 2048, 2048, 1, "16x64k4")]
    [TestCase(16, 2048, 2048, 3, "16x64k4")]
    [TestCase(16, 8192, 2048, 1, "16x64")]
    [TestCase(16, 2048, 8192, 1, "16x64k4")]
    [TestCase(16, 65037, 2048, 1, "16x64")]
    [TestCase(64, 2048, 2048, 1, "64x128k8")]
    [TestCase(64, 8192, 2048, 1, "64x256k4")]
    [TestCase(64, 2048, 8192, 1, "64x128k8")]
    [TestCase(64, 65037, 2048, 1, "64x256")]
    [TestCase(71, 2048, 2048, 1, "80x128k8")]
    [TestCase(71, 8192, 2048, 1, "80x256k4")]
    [TestCase(71, 2048, 8192, 1, "80x128k8")]
    [TestCase(257, 1024, 1024, 1, "80x128k4")]
    [TestCase(257, 1024, 1024, 3, "64x128")]
    [TestCase(257, 4096, 1024, 1, "80x128")]
    [TestCase(257, 1024, 4096, 1, "80x256k8")]
    [TestCase(4096, 4096, 4096, 1, "128x256")]
    public void TheTileFitsTheShape(int rows, int outputs, int inputs, int layers, string expected)
    {
        MatmulTile tile = Tile(rows, outputs, inputs, layers);
        Assert.That(tile.ToString(), Is.EqualTo(expected));
        Assert.That(tile.Count(rows, outputs) * layers * tile.Splits, Is.GreaterThanOrEqualTo(100));
    }

    /// <summary>Whether the cards of a generation have clusters, the user allows them, and this one has room for one of eight blocks beside each other.</summary>
    [TestCase(90, "", 16, 8)]
    [TestCase(80, "", 16, 1)]
    [TestCase(90, "clusters", 16, 1)]
    [TestCase(90, "", 0, 1)]
    public void InputsAreSplitWhereThereAreClusters(int capability, string disabled, int room, int splits)
    {
        const int Rows = 71, Inputs = 8192, Outputs = 2048;
        CudaDriver driver = FakeCudaDriver.Create();
        FakeCudaDriver.Clusters = room;
        using var products = new TensorCoreProducts(driver, new PtxTarget(capability), Multiprocessors, SharedBytes, new CpuFeatures(disabled).Clusters);
        MatmulTile first = products.TileFor(DType.BF16, Rows, Outputs, Inputs);
        for (int time = 0; time < 2; time++)
            products.Multiply(Stream, DType.BF16, new ProductOperands(1 << 20, 0, new ProductLayer(2 << 20, 0, 3 << 20)), Rows, Inputs, Outputs, Activation.Identity);
        MatmulTile tile = products.TileFor(DType.BF16, Rows, Outputs, Inputs);
        Assert.That(tile.Splits, Is.EqualTo(splits));
        Assert.That(FakeCudaDriver.Launched.Blocks, Is.EqualTo(tile.Count(Rows, Outputs) * splits));
        Assert.That(FakeCudaDriver.Modules, Has.Count.EqualTo(room == 0 ? 2 : 1));
        Assert.That(FakeCudaDriver.Modules[^1].Contains("cluster", StringComparison.Ordinal), Is.EqualTo(splits > 1));
        if (first.Splits > 1)
            Assert.That(FakeCudaDriver.AskedForRoom, Is.EqualTo((new LaunchGrid(1, 8), new LaunchGrid(first.Threads), (uint)first.SharedBytes, 0u)));
    }

    [TestCase(71, 2048, 2048, "80x64k4")]
    [TestCase(71, 8192, 2048, "80x64")]
    [TestCase(257, 1024, 4096, "80x64k2")]
    [TestCase(16, 2048, 8192, "16x64k4")]
    public void SmallIntegersHaveTilesOfTheirOwn(int rows, int outputs, int inputs, string expected) => Assert.That(
        MatmulTile.For(rows, outputs, inputs, 1, Multiprocessors, SharedBytes, clusters: true, DType.I8).ToString(), Is.EqualTo(expected));

    [Test]
    public void ALargeTileIsNotTakenWhereItsMemoryIsMissing() =>
        Assert.That(MatmulTile.For(4096, 4096, 4096, 1, Multiprocessors, 65536, clusters: true, DType.BF16).ToString(), Is.EqualTo("128x128"));

    /// <summary>Query, key and value by one launch: each output as if alone.</summary>
    [Test]
    public void ThreeLayersAreMultipliedTogether([Values] bool exact)
    {
        const int Rows = 20, Inputs = 136, Outputs = 12;
        CudaDriver driver = FakeCudaDriver.Create();
        using var fast = new TensorCoreProducts(driver, PtxTarget.Hopper, Multiprocessors, driver.MostSharedBytes(0));
        using var slow = new ExactProducts(driver, PtxTarget.Hopper, Multiprocessors);
        Func<float, ushort> narrow = v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16);
        float[] x = [.. Samples.Normal(1, Rows, Inputs).Select(v => MathF.Round(8 * v) / 8)];
        float[][] w = [.. Enumerable.Range(2, 3).Select(seed => Samples.Normal(seed, Outputs, Inputs).Select(v => MathF.Round(8 * v) / 8).ToArray())];
        PtxGlobalMemory memory = FakeCudaDriver.Memory = new PtxGlobalMemory();
        ulong given = exact ? memory.Add(x) : memory.Add(Array.ConvertAll(x, v => narrow(v)));
        ProductLayer[] layers = [.. w.Select((values, layer) => new ProductLayer(
            memory.Add(Array.ConvertAll(values, v => narrow(v))), layer == 1 ? 0 : memory.Add(Enumerable.Repeat(1f + layer, Outputs).ToArray()), memory.Add(new float[Rows * Outputs])))];
        var operands = new ProductOperands(given, 0, layers[0], layers[1], layers[2]);
        if (exact)
            slow.Multiply(Stream, DType.BF16, operands, Rows, Inputs, Outputs, Activation.Identity);
        else
            fast.Multiply(Stream, DType.BF16, operands, Rows, Inputs, Outputs, Activation.Identity);
        Assert.That(FakeCudaDriver.Fault, Is.Null);
        for (int layer = 0; layer < layers.Length; layer++)
        {
            float[] actual = memory.Read<float>(layers[layer].Y);
            for (int i = 0; i < actual.Length; i++)
            {
                double sum = Enumerable.Range(0, Inputs).Sum(k => (double)x[(i / Outputs * Inputs) + k] * w[layer][(i % Outputs * Inputs) + k]);
                Assert.That(actual[i], Is.EqualTo(sum + (layer == 1 ? 0 : 1 + layer)).Within(1e-4), $"layer {layer}, element {i}");
            }
        }
    }

    [Test]
    public void WhatIsNotWholeChunksIsLeftToOthers()
    {
        Assert.That(TensorCoreProducts.Takes(DType.BF16, TensorCoreProducts.LeastRows, 64, 256, 512));
        Assert.That(TensorCoreProducts.Takes(DType.I8, TensorCoreProducts.LeastIntegerRows, 64, 256, 512, groupSize: 32));
        Assert.That(TensorCoreProducts.Takes(DType.I8, TensorCoreProducts.LeastIntegerRows, 64, 256, 512, groupSize: 20), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.I32, TensorCoreProducts.LeastIntegerRows - 1, 64, 256, 512, groupSize: 32), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.F32, 8, 64, 256, 512), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.BF16, TensorCoreProducts.LeastRows - 1, 64, 256, 512), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.BF16, 8, 60, 256, 512), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.BF16, 8, 64, 264, 512), Is.False);
        Assert.That(TensorCoreProducts.Takes(DType.BF16, 8, 64, 256, 520), Is.False);
        Assert.That(ByteRows.Takes(256, 512));
        Assert.That(ByteRows.Takes(256, 516), Is.False);
        Assert.That(ExactProducts.Takes(DType.BF16, 16, 60, 256, 520));
        Assert.That(ExactProducts.Takes(DType.F32, 16, 60, 256, 520), Is.False);
        Assert.That(ExactProducts.Takes(DType.F32, 16, 62, 256, 512), Is.False);
        Assert.That(ExactProducts.Takes(DType.F32, 15, 60, 256, 512), Is.False);
    }

    /// <summary>8-bit weights with one scale an output, no zero points and whole groups of 128 inputs, unless it is switched off.</summary>
    [TestCase("", DType.I8, 256, 1, false, true)]
    [TestCase("bytes", DType.I8, 256, 1, false, false)]
    [TestCase("", DType.I8, 192, 1, false, false)]
    [TestCase("", DType.I8, 256, 2, false, false)]
    [TestCase("", DType.I8, 256, 1, true, false)]
    [TestCase("", DType.I32, 256, 1, false, false)]
    public void WhatCanBeIsMultipliedAsBytes(string disabled, DType type, int inputs, int groups, bool hasZeros, bool asBytes)
    {
        using var products = new TensorCoreProducts(FakeCudaDriver.Create(), PtxTarget.Hopper, Multiprocessors, SharedBytes, bytes: new CpuFeatures(disabled).Bytes);
        Assert.That(products.TypesOf(type, inputs, groups, hasZeros), Is.EqualTo(asBytes ? MatmulTypes.Bytes : type));
    }

    [Test]
    public void ALaunchPassesItsArgumentsAndAllocatesNothing()
    {
        CudaDriver driver = FakeCudaDriver.Create();
        using (var products = new TensorCoreProducts(driver, PtxTarget.Hopper, Multiprocessors, driver.MostSharedBytes(0)))
        {
            MatmulTile tile = Tile(100, 8192, 64, 1);
            Multiply();
            Assert.That(FakeCudaDriver.Launched, Is.EqualTo((tile.Count(100, 8192) * tile.Splits, tile.Threads, tile.SharedBytes, Stream, 1UL << 40, 100u)));
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

            void Multiply() => products.Multiply(Stream, DType.BF16, new ProductOperands(1UL << 40, 0, new ProductLayer(2, 3 << 20, 5)), 100, 64, 8192, Activation.Gelu);
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
