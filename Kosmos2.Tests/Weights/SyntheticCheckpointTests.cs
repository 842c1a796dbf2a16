using System.Numerics;
using System.Text;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

internal sealed class SyntheticCheckpointTests
{
    private static readonly Kosmos2Config Small = Kosmos2Config.Load(ReferenceModels.Folder("single-layer"));

    /// <summary>The rule once more, one element at a time and in arbitrary precision where the library wraps around.</summary>
    private static float Expected(string name, long[] extents, long index)
    {
        BigInteger modulus = BigInteger.One << 64;
        BigInteger hash = 0xCBF29CE484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(name))
            hash = (hash ^ b) * 0x100000001B3 % modulus;
        BigInteger z = (hash + ((index + 1) * (BigInteger)0x9E3779B97F4A7C15)) % modulus;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % modulus;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % modulus;
        z ^= z >> 31;
        double u = ((double)(z >> 40) / 16777216 * 2) - 1;
        if (name.EndsWith("weight", StringComparison.Ordinal) && (name.Contains("norm") || name.Contains("_ln.")))
            return (float)(1 + (0.1 * u));
        string last = name.Split('.')[^1];
        double scale = name == "pixel_values" ? 2
            : last is "bias" or "class_embedding" or "latent_query" || name.Contains("embed_tokens") || name.Contains("position_embedding") ? 0.02
            : Math.Sqrt(3.0 / extents[1..].Aggregate(1L, (a, b) => a * b));
        return (float)(u * scale);
    }

    [Test]
    public void EveryElementFollowsFromTheRule()
    {
        using var folder = new TemporaryFolder();
        SyntheticCheckpoint.Write(folder.Path, Small);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        Assert.That(checkpoint.Validate(Kosmos2Config.Load(folder.Path)), Is.Empty);
        foreach (string name in checkpoint.Names)
        {
            Tensor tensor = checkpoint[name];
            long[] extents = tensor.Shape.Extents.ToArray();
            float[] expected = [.. Enumerable.Range(0, (int)tensor.Shape.ElementCount).Select(i => Expected(name, extents, i))];
            Assert.That(tensor.AsSpan<float>().SequenceEqual(expected), Is.True, name);
        }
    }

    [TestCase(0, 1)]
    [TestCase(5, 37)]
    [TestCase(4_000_000_007, 129)]
    public void APieceIsTheSameAsItsPlaceInTheWhole(long start, int length)
    {
        const string Name = "text_model.model.layers.7.ffn.fc2.weight";
        float[] values = new float[length];
        new SyntheticTensor(Name, new Shape(2048, 8192)).Fill(start, values);
        Assert.That(values, Is.EqualTo(Enumerable.Range(0, length).Select(i => Expected(Name, [2048, 8192], start + i))));
    }

    [Test]
    public void PixelsFollowTheSameRule()
    {
        using Tensor pixels = SyntheticCheckpoint.CreateTensor("pixel_values", 1, 3, 14, 14);
        Assert.That(pixels.AsSpan<float>().ToArray(), Is.EqualTo(Enumerable.Range(0, 588).Select(i => Expected("pixel_values", [1, 3, 14, 14], i))));
    }

    [TestCase(DType.F16)]
    [TestCase(DType.BF16)]
    public void SixteenBitWeightsAreTheRoundedOnes(DType type)
    {
        using var folder = new TemporaryFolder();
        SyntheticCheckpoint.Write(folder.Path, Small, type);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        Assert.That(checkpoint.Validate(Small), Is.Empty);
        foreach (string name in checkpoint.Names)
        {
            Tensor tensor = checkpoint[name];
            using Tensor exact = SyntheticCheckpoint.CreateTensor(name, tensor.Shape.Extents);
            for (int i = 0; i < tensor.Shape.ElementCount; i++)
            {
                float value = exact.AsSpan<float>()[i];
                ushort stored = tensor.AsSpan<ushort>()[i];
                ushort expected = type == DType.F16 ? BitConverter.HalfToUInt16Bits((Half)value) : NearestBFloat16(value);
                if (stored != expected)
                    Assert.Fail($"{name}[{i}]: 0x{stored:x4} instead of 0x{expected:x4} for {value:r}");
            }
        }
    }

    [Test]
    public void ProgressEndsAtTheWeightsSize()
    {
        using var folder = new TemporaryFolder();
        var progress = new Maximum();
        SyntheticCheckpoint.Write(folder.Path, Small, DType.F32, progress);
        Assert.That(progress.Value, Is.EqualTo(Small.ParameterCount * 4));
    }

    [Test]
    public void CancellingLeavesNoFileAndAnOlderModelAsItWas()
    {
        using var folder = new TemporaryFolder();
        using var cancellation = new CancellationTokenSource();
        cancellation.Cancel();
        Assert.That(
            () => SyntheticCheckpoint.Write(folder.Path, Small, cancellationToken: cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
        folder.Write("config.json", "old");
        Assert.That(
            () => SyntheticCheckpoint.Write(folder.Path, Small, cancellationToken: cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(File.ReadAllText(folder.File("config.json")), Is.EqualTo("old"));
    }

    [Test]
    public void AnOlderModelLeavesNoWeights()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in (string[])["config.json", "model.safetensors", "model.safetensors.index.json", "model-00001-of-00001.safetensors", "tokenizer.json"])
            folder.Write(file, "old");
        SyntheticCheckpoint.Write(folder.Path, Small);
        Assert.That(Directory.GetFiles(folder.Path).Select(Path.GetFileName), Is.EquivalentTo(new[] { "config.json", "model.safetensors", "tokenizer.json" }));
        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        Assert.That(checkpoint.Validate(Kosmos2Config.Load(folder.Path)), Is.Empty);
    }

    /// <summary>The candidate nearest to the value, the even one on a tie: by distances, not by bit tricks.</summary>
    private static ushort NearestBFloat16(float value)
    {
        ushort below = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
        ushort above = (ushort)(below + 1);
        double toBelow = Math.Abs((double)value - BitConverter.UInt32BitsToSingle((uint)below << 16));
        double toAbove = Math.Abs((double)value - BitConverter.UInt32BitsToSingle((uint)above << 16));
        return toBelow < toAbove || (toBelow == toAbove && below % 2 == 0) ? below : above;
    }

    private sealed class Maximum : IProgress<long>
    {
        private readonly Lock _lock = new();

        public long Value { get; private set; }

        public void Report(long value)
        {
            lock (_lock)
                Value = Math.Max(Value, value);
        }
    }
}
