using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>A quantized model written where a model is: whole or not at all, with nothing of the old weights left, and never over its own source.</summary>
internal sealed class ReplacedModelTests
{
    private static readonly QuantizeOptions Int8 = new() { Format = WeightFormat.Int8 };
    private static readonly string Sharded = ReferenceModels.Folder("real-shapes"), Single = ReferenceModels.Folder("single-layer");

    [Test]
    public void AFolderAndALinkToItAreOne()
    {
        using var folder = new TemporaryFolder();
        string real = Copied(Single, folder, "real"), link = folder.File("link"), round = folder.File("round");
        Directory.CreateSymbolicLink(link, "real");
        Directory.CreateSymbolicLink(round, folder.Path);
        byte[] weights = File.ReadAllBytes(Path.Combine(real, "model.safetensors"));
        using (Assert.EnterMultipleScope())
        {
            foreach ((string source, string destination) in new[] { (real, link), (link, real), (real, Path.Combine(round, "link")), (real, real + "/.") })
                Assert.That(() => CheckpointQuantizer.Write(source, destination, Int8), Throws.ArgumentException.With.Message.Contains("both folders are one"), destination);
            Assert.That(File.ReadAllBytes(Path.Combine(real, "model.safetensors")), Is.EqualTo(weights));
        }
    }

    [Test]
    public void LinksInACircleLeadNowhere()
    {
        using var folder = new TemporaryFolder();
        File.CreateSymbolicLink(folder.File("a"), "b");
        File.CreateSymbolicLink(folder.File("b"), "a");
        Assert.That(RealPath.Of(folder.File("a/c")), Does.EndWith("/c"));
    }

    [Test]
    public void ShardsAreNotHiddenByAnOlderFile()
    {
        using var folder = new TemporaryFolder();
        string target = Copied(Single, folder, "model");
        File.WriteAllText(Path.Combine(target, "model-00003-of-00003.safetensors"), "old");
        Kosmos2Config made = CheckpointQuantizer.Write(Sharded, target, Int8);
        using Checkpoint checkpoint = Checkpoint.Open(target);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(checkpoint.Files, Has.Count.EqualTo(2));
            Assert.That(checkpoint.Validate(made), Is.Empty);
            Assert.That(Weights(target), Is.EquivalentTo(new[] { "golden.safetensors", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors" }));
        }
    }

    [Test]
    public void OneFileReplacesShardsAndTheirIndex()
    {
        using var folder = new TemporaryFolder();
        string target = Copied(Sharded, folder, "model");
        CheckpointQuantizer.Write(Single, target, Int8);
        Assert.That(Weights(target), Is.EquivalentTo(new[] { "golden.safetensors", "model.safetensors" }));
        Assert.That(File.Exists(Path.Combine(target, "model.safetensors.index.json")), Is.False);
    }

    [Test]
    public void AnInterruptLeavesTheOlderModelAsItWas()
    {
        using var folder = new TemporaryFolder();
        string target = Copied(Sharded, folder, "model");
        Dictionary<string, byte[]> before = Contents(target);
        long last;
        using (Checkpoint source = Checkpoint.Open(Sharded))
            last = source.Names.Sum(name => source[name].ByteLength);
        using var stop = new CancellationTokenSource();
        var progress = new Interrupt(stop, last / 2);
        Assert.That(() => CheckpointQuantizer.Write(Sharded, target, Int8, progress, stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Contents(target), Is.EqualTo(before));
    }

    [Test]
    public void ALinkIsReplacedAndNotWrittenThrough()
    {
        using var folder = new TemporaryFolder();
        string target = folder.File("model"), settings = folder.Write("settings.json", "the user's");
        Directory.CreateDirectory(target);
        File.CreateSymbolicLink(Path.Combine(target, "generation_config.json"), settings);
        File.CreateSymbolicLink(Path.Combine(target, "config.json"), settings);
        CheckpointQuantizer.Write(Single, target, Int8);
        Assert.That(File.ReadAllText(settings), Is.EqualTo("the user's"));
    }

    private static string Copied(string model, TemporaryFolder folder, string name)
    {
        string copy = Directory.CreateDirectory(folder.File(name)).FullName;
        TemporaryFolder.Copy(model, copy);
        return copy;
    }

    private static IEnumerable<string?> Weights(string folder) => Directory.GetFiles(folder, "*.safetensors").Select(Path.GetFileName);

    private static Dictionary<string, byte[]> Contents(string folder) => Directory.GetFiles(folder).ToDictionary(file => file, File.ReadAllBytes);

    private sealed class Interrupt(CancellationTokenSource stop, long after) : IProgress<long>
    {
        public void Report(long value)
        {
            if (value > after)
                stop.Cancel();
        }
    }
}
