using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>Once a weight is packed nothing reads what it was packed from.</summary>
internal sealed class PackedWeightTests
{
    // Several panels at every width, with an edge both ways.
    private const int Outputs = 75;
    private const int Inputs = 301;

    /// <summary>Products and rows of embeddings keep their bits when the source is no more.</summary>
    [TestCase(DType.F32, ProductPrecision.Exact)]
    [TestCase(DType.F16, ProductPrecision.Exact)]
    [TestCase(DType.BF16, ProductPrecision.Exact)]
    [TestCase(DType.BF16, ProductPrecision.Fast)]
    [TestCase(DType.I8, ProductPrecision.Fast)]
    [TestCase(DType.I32, ProductPrecision.Fast)]
    public void ItsSourceIsReadNoMore(DType type, ProductPrecision precision)
    {
        foreach (InstructionSet set in Enum.GetValues<InstructionSet>().Where(CpuFeatures.IsSupported))
            ItsSourceIsReadNoMore(type, new CpuOptions { InstructionSet = set, Threads = 2, Weights = WeightResidency.Packed, Products = precision, SlowKernels = true });
    }

    [Test]
    public void ItsPanelsCountAsNativeMemory()
    {
        using var backend = new CpuBackend(new CpuOptions { Weights = WeightResidency.Packed });
        using Tensor matrix = Tensor.OnHost(DType.F32, Outputs, Inputs);
        long before = NativeBytes.Held;
        var weight = (PackedWeight)backend.Prepare(matrix);
        Assert.That(weight.ByteLength, Is.AtLeast(matrix.ByteLength));
        Assert.That(NativeBytes.Held - before, Is.EqualTo(weight.ByteLength));
        weight.Dispose();
        weight.Dispose();
        Assert.That(NativeBytes.Held, Is.EqualTo(before));
    }

    private static void ItsSourceIsReadNoMore(DType type, CpuOptions options)
    {
        bool isInteger = type is DType.I8 or DType.I32;
        using var backend = new CpuBackend(options);
        using var bench = new Workbench(backend);
        using VanishingStorage source = Source(type, out Tensor elements);
        using Tensor scales = Tensor.OnHost(DType.F32, Outputs, 1);
        scales.AsSpan<float>().Fill(0.01f);
        using PreparedWeight weight = isInteger
            ? backend.Prepare(new QuantizedMatrix(new Shape(Outputs, Inputs), type == DType.I8 ? 8 : 4, Inputs, elements, scales))
            : backend.Prepare(elements);
        Tensor x = bench.Random(2, 9, Inputs), positions = bench.Random(3, 4, Inputs);

        float[] embedded = Embedded(), product = Product(9);
        Assert.That(source.IsGone, $"{options.InstructionSet}");
        Assert.That(Product(9), Is.EqualTo(product));
        Assert.That(Product(1), Is.EqualTo(product[..Outputs]));
        // The panels of 4-bit weights hold rounded scales, so rows come from the source, made anew.
        if (type != DType.I32)
            Assert.That(Embedded(), Is.EqualTo(embedded));

        float[] Product(int rows)
        {
            Tensor y = bench.Result(rows, Outputs);
            backend.Linear(x.SliceRows(0, rows), new LinearParameters(weight, null), y);
            return bench.Read(y);
        }

        float[] Embedded()
        {
            bench.Begin(Steps.Embedding([0, 31, 74, 40], [3, 0, 1, 2], [-1, -1, -1, -1]));
            Tensor y = bench.Result(4, Inputs);
            backend.EmbedRows(weight, null, 16, positions, y);
            return bench.Read(y);
        }
    }

    private static VanishingStorage Source(DType type, out Tensor elements)
    {
        int width = type == DType.I32 ? (Inputs + 7) / 8 : Inputs;
        var source = new VanishingStorage(Outputs * width * type.SizeInBytes());
        elements = new Tensor(source, type, new Shape(Outputs, width));
        if (type is DType.I8 or DType.I32)
        {
            new Random(1).NextBytes(elements.HostBytes<byte>());
        }
        else
        {
            Tensor numbers = Samples.HostWeight(Samples.Normal(1, Outputs, Inputs), type, Outputs, Inputs);
            numbers.HostBytes<byte>().CopyTo(elements.HostBytes<byte>());
            numbers.Storage.Dispose();
        }
        return source;
    }

    /// <summary>Memory that holds NaN, or -1, once it has been discarded.</summary>
    private sealed class VanishingStorage(long byteLength) : TensorStorage
    {
        private readonly HostStorage _memory = new(byteLength);

        public bool IsGone { get; private set; }

        public override long ByteLength => _memory.ByteLength;

        public override unsafe byte* HostPointer => _memory.HostPointer;

        public override unsafe void Discard(long offset, long byteLength)
        {
            new Span<byte>(HostPointer + offset, (int)byteLength).Fill(0xFF);
            IsGone = true;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _memory.Dispose();
        }
    }
}
