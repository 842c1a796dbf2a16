using System.Security.Cryptography;
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

    // I32 stands for 4 bits.
    private static readonly object[][] s_forms =
    [
        [DType.F32, ProductPrecision.Exact], [DType.F16, ProductPrecision.Exact], [DType.BF16, ProductPrecision.Exact], [DType.BF16, ProductPrecision.Fast],
        [DType.I8, ProductPrecision.Fast], [DType.I32, ProductPrecision.Fast],
    ];

    private static readonly Dictionary<string, string> s_digests = new()
    {
        ["BFloat16x32"] = "24bc948f",
        ["Float32x2"] = "e720a340",
        ["Float32x8"] = "36fdcfb9",
        ["Float32x16"] = "130dc633",
        ["Float32x32"] = "6a561c1a",
        ["Int4x2"] = "4c009b4b",
        ["Int4x8"] = "1644bcf4",
        ["Int4x16"] = "2cdc8f55",
        ["Int4x32"] = "c71feb97",
        ["Int8x32"] = "2d425f0d",
        ["PairedInt8x2"] = "261dafd7",
        ["PairedInt8x8"] = "af3d072e",
        ["PairedInt8x16"] = "767f38f5",
        ["PairedInt8x32"] = "2b197950",
        ["WidenedBFloat16x2"] = "1ba97820",
        ["WidenedBFloat16x8"] = "d71e0292",
        ["WidenedBFloat16x16"] = "1387b20a",
        ["WidenedBFloat16x32"] = "61527454",
        ["WidenedFloat16x2"] = "b660704a",
        ["WidenedFloat16x8"] = "2a7b5dae",
        ["WidenedFloat16x16"] = "20fa70f9",
        ["WidenedFloat16x32"] = "26e40ee6",
    };

    /// <summary>Products and rows of embeddings keep their bits when the source is no more.</summary>
    [TestCaseSource(nameof(s_forms))]
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

    /// <summary>Panels that another backend of the same layouts wrote serve one that reads weights where they lie.</summary>
    [TestCaseSource(nameof(s_forms))]
    public void ItsPanelsServeAnother(DType type, ProductPrecision precision)
    {
        foreach (InstructionSet set in Enum.GetValues<InstructionSet>().Where(CpuFeatures.IsSupported))
        {
            var options = new CpuOptions { InstructionSet = set, Threads = 2, Weights = WeightResidency.Packed, Products = precision, SlowKernels = true };
            using var writer = new CpuBackend(options);
            using var reader = new CpuBackend(options with { Weights = WeightResidency.Mapped });
            Assert.That(reader.PanelLayouts, Is.EqualTo(writer.PanelLayouts));
            using PackedWeight packed = Pack(writer, type, out Func<CpuBackend, Tensor?, PreparedWeight> prepare);
            using Tensor panels = Tensor.OnHost(DType.U8, packed.ByteLength), shorter = Tensor.OnHost(DType.U8, packed.ByteLength - 64), odd = Tensor.OnHost(DType.U8, packed.ByteLength + 64);
            packed.Bytes(0, (int)packed.ByteLength).CopyTo(panels.AsSpan<byte>());
            using var ready = (PackedWeight)prepare(reader, panels);
            Assert.That(ready.IsComplete);
            foreach (int rows in (int[])[1, 3, 9, 70])
                Assert.That(Product(reader, ready, rows), Is.EqualTo(Product(writer, packed, rows)), $"{set}, {rows} rows");
            Assert.That(() => prepare(reader, shorter), Throws.ArgumentException);
            Assert.That(() => prepare(reader, new Tensor(odd.Storage, DType.U8, new Shape(packed.ByteLength), 4)), Throws.ArgumentException);
        }
    }

    /// <summary>Files hold panels: whoever changes what is in them raises <see cref="PanelLayout.Version"/>, and then the digests here.</summary>
    [TestCaseSource(nameof(s_forms))]
    public void ItsPanelsAreThoseOfTheirVersion(DType type, ProductPrecision precision)
    {
        Assert.That(PanelLayout.Version, Is.EqualTo(1));
        foreach (InstructionSet set in Enum.GetValues<InstructionSet>().Where(CpuFeatures.IsSupported))
        {
            using var backend = new CpuBackend(new CpuOptions { InstructionSet = set, Weights = WeightResidency.Packed, Products = precision, SlowKernels = true });
            using PackedWeight packed = Pack(backend, type, out _);
            string digest = Convert.ToHexStringLower(SHA256.HashData(packed.Bytes(0, (int)packed.ByteLength)))[..8];
            Assert.That(s_digests.GetValueOrDefault($"{packed.Layout}", "none"), Is.EqualTo(digest), $"{packed.Layout}");
        }
    }

    private static PackedWeight Pack(CpuBackend backend, DType type, out Func<CpuBackend, Tensor?, PreparedWeight> prepare)
    {
        // Views of it keep the memory.
        Source(type, out Tensor elements);
        Tensor scales = Tensor.OnHost(DType.F32, Outputs, (Inputs + 31) / 32);
        for (int i = 0; i < scales.AsSpan<float>().Length; i++)
            scales.AsSpan<float>()[i] = (i + 1) / 64f;
        prepare = type switch
        {
            DType.I8 => (on, panels) => on.Prepare(new QuantizedMatrix(new Shape(Outputs, Inputs), 8, Inputs, elements, Tensor.OnHost(DType.F32, Outputs, 1)), panels),
            DType.I32 => (on, panels) => on.Prepare(new QuantizedMatrix(new Shape(Outputs, Inputs), 4, 32, elements, scales), panels),
            _ => (on, panels) => on.Prepare(elements, panels),
        };
        var packed = (PackedWeight)prepare(backend, null);
        backend.Pack(packed);
        return packed;
    }

    private static float[] Product(CpuBackend backend, PreparedWeight weight, int rows)
    {
        using var bench = new Workbench(backend);
        Tensor y = bench.Result(rows, Outputs);
        backend.Linear(bench.Random(3, rows, Inputs), new LinearParameters(weight, null), y);
        return bench.Read(y);
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
            // The same on every processor.
            Tensor numbers = Samples.HostWeight([.. Enumerable.Range(0, Outputs * Inputs).Select(i => ((i * 37 % 101) - 50) / 8f)], type, Outputs, Inputs);
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
