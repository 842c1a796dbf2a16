using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

internal sealed class SafetensorsWriterTests
{
    private static readonly DType[] AllTypes = Enum.GetValues<DType>();

    [Test]
    public void EveryTypeComesBackAsItWent()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(5);
        Dictionary<DType, byte[]> data = AllTypes.ToDictionary(t => t, t => new byte[37 * t.SizeInBytes()]);
        using (var writer = new SafetensorsWriter(folder.File("x.safetensors"), AllTypes.Select(t => (t.ToString(), t, new Shape(37, 1)))))
        {
            foreach ((DType type, byte[] bytes) in data)
            {
                random.NextBytes(bytes);
                using Tensor tensor = Tensor.OnHost(type, 37, 1);
                Fill(tensor, bytes);
                writer.Write(type.ToString(), tensor);
            }

            writer.Complete();
        }

        using SafetensorsFile file = SafetensorsFile.Open(folder.File("x.safetensors"));
        Assert.That(file.DataOffset % 64, Is.Zero);
        foreach ((DType type, byte[] bytes) in data)
        {
            Tensor tensor = file[type.ToString()];
            Assert.That(tensor.DType, Is.EqualTo(type));
            Assert.That(tensor.ByteOffset % type.SizeInBytes(), Is.Zero, $"{type} is aligned to its size");
            Assert.That(Bytes(tensor).SequenceEqual(bytes), Is.True, type.ToString());
        }
    }

    [TestCase("upstream-test")]
    [TestCase("bf16")]
    [TestCase("odd-sizes")]
    public void AFileOfTheReferenceImplementationIsWrittenAlike(string model)
    {
        string original = TestData.File("models", model, "model.safetensors");
        using var folder = new TemporaryFolder();
        using SafetensorsFile source = SafetensorsFile.Open(original);
        string copy = folder.File("copy.safetensors");
        using (var writer = new SafetensorsWriter(copy, source.Entries.Reverse().Select(e => (e.Name, e.DType, e.Shape)), source.Metadata))
        {
            foreach (SafetensorsEntry entry in source.Entries)
                writer.Write(entry.Name, source[entry.Name]);
            writer.Complete();
        }

        byte[] expected = File.ReadAllBytes(original);
        byte[] found = File.ReadAllBytes(copy);
        using SafetensorsFile read = SafetensorsFile.Open(copy);
        Assert.That(found.AsSpan((int)read.DataOffset).SequenceEqual(expected.AsSpan((int)source.DataOffset)), Is.True, "data");
        Assert.That(Header(found, read.DataOffset), Is.EqualTo(Header(expected, source.DataOffset)), "header, but for its padding");
    }

    [Test]
    public void PiecesComeInAnyOrderFromAnyThread()
    {
        using var folder = new TemporaryFolder();
        using var writer = new SafetensorsWriter(folder.File("x.safetensors"), [("x", DType.I32, new Shape(1000, 7))]);
        Parallel.For(0, 1000, row => writer.Write<int>("x", row * 7, [.. Enumerable.Range(row * 7, 7)]));
        writer.Complete();
        using SafetensorsFile file = SafetensorsFile.Open(folder.File("x.safetensors"));
        Assert.That(file["x"].AsSpan<int>().ToArray(), Is.EqualTo(Enumerable.Range(0, 7000)));
    }

    [Test]
    public void MetadataAndUnusualNamesSurvive()
    {
        using var folder = new TemporaryFolder();
        const string Name = "na\"me\\\n\u0001 ü 😀";
        var metadata = new Dictionary<string, string> { ["k\t"] = Name };
        using (var writer = new SafetensorsWriter(folder.File("x.safetensors"), [(Name, DType.U8, new Shape(0))], metadata))
            writer.Complete();
        using SafetensorsFile file = SafetensorsFile.Open(folder.File("x.safetensors"));
        Assert.That(file.TryGet(Name, out _), Is.True);
        Assert.That(file.Metadata["k\t"], Is.EqualTo(Name));
    }

    [Test]
    public void AnUnfinishedFileLeavesTheOldOneAndNothingElse()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.safetensors", "old");
        using (var writer = new SafetensorsWriter(path, [("x", DType.F32, new Shape(2))]))
        {
            writer.Write<float>("x", 0, [1]);
            Assert.That(Directory.GetFiles(folder.Path), Has.Length.EqualTo(2));
            Assert.That(writer.Complete, Throws.TypeOf<InvalidOperationException>().With.Message.EqualTo("4 of 8 bytes of 'x' were written"));
        }

        Assert.That(Directory.GetFiles(folder.Path), Is.EqualTo(new[] { path }));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
    }

    [Test]
    public void ACompleteFileReplacesTheOldOne()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.safetensors", "old");
        using (var writer = new SafetensorsWriter(path, [("x", DType.F32, new Shape(2))]))
        {
            writer.Write<float>("x", 0, [1, 2]);
            writer.Complete();
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.That(file["x"].AsSpan<float>().ToArray(), Is.EqualTo(new[] { 1f, 2f }));
        Assert.That(Directory.GetFiles(folder.Path), Is.EqualTo(new[] { path }));
    }

    [Test]
    public void WrongUseIsRefused()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("x.safetensors");
        Shape two = new(2);
        void Declare(params (string, DType, Shape)[] tensors) => new SafetensorsWriter(path, tensors).Dispose();
        Assert.That(() => Declare(("x", DType.F32, two), ("x", DType.F16, two)), Throws.ArgumentException.With.Message.Contains("'x' is taken"));
        Assert.That(() => Declare(("__metadata__", DType.F32, two)), Throws.ArgumentException);
        using var writer = new SafetensorsWriter(path, [("x", DType.F32, two)]);
        using Tensor other = Tensor.OnHost(DType.F32, 3);
        void AssertRefused(Action write, string problem) => Assert.That(write, Throws.ArgumentException.With.Message.Contains(problem));
        AssertRefused(() => writer.Write<float>("y", 0, [1]), "no tensor 'y' was declared");
        AssertRefused(() => writer.Write<double>("x", 0, [1]), "a F32 tensor cannot be written from Double");
        AssertRefused(() => writer.Write<float>("x", 1, [1, 2]), "elements 1 to 3 do not lie in F32 [2]");
        AssertRefused(() => writer.Write<float>("x", -1, [1]), "elements -1 to 0 do not lie in F32 [2]");
        AssertRefused(() => writer.Write("x", other), "'x' is declared as F32 [2], not F32 [3]");
    }

    private static string Header(byte[] file, long dataOffset) => System.Text.Encoding.UTF8.GetString(file, 8, (int)dataOffset - 8).TrimEnd(' ');

    private static unsafe Span<byte> Bytes(Tensor tensor) => new(tensor.HostPointer, (int)tensor.ByteLength);

    private static void Fill(Tensor tensor, byte[] bytes) => bytes.CopyTo(Bytes(tensor));
}
