using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

internal sealed class CheckpointTests
{
    [Test]
    public void SingleFileOpens()
    {
        using Checkpoint checkpoint = Checkpoint.Open(ReferenceModels.Folder("upstream-test"));
        Tensor latents = checkpoint["image_to_text_projection.latent_query"];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(checkpoint.Names, Has.Count.EqualTo(93));
            Assert.That(latents.Shape, Is.EqualTo(new Shape(3, 32)));
            Assert.That(latents.DType, Is.EqualTo(DType.F32));
            Assert.That(latents.AsSpan<float>().ToArray(), Has.All.InRange(-10f, 10f).And.Some.Not.Zero);
        }
    }

    [Test]
    public void ShardsOpenAsOne()
    {
        using Checkpoint checkpoint = Checkpoint.Open(ReferenceModels.Folder("real-shapes"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(checkpoint.Files, Has.Count.EqualTo(2));
            Assert.That(checkpoint.Names, Has.Count.EqualTo(93));
            Assert.That(checkpoint["text_model.model.embed_tokens.weight"].Shape, Is.EqualTo(new Shape(1201, 192)));
            Assert.That(checkpoint["image_to_text_projection.dense.weight"].DType, Is.EqualTo(DType.F16));
            Assert.That(
                CheckpointIndex.Read(Path.Combine(ReferenceModels.Folder("real-shapes"), "model.safetensors.index.json")).TotalSize?.GetInt64(),
                Is.EqualTo(3_630_336));
        }
    }

    [Test]
    public void AMissingTensorIsNamed()
    {
        using Checkpoint checkpoint = Checkpoint.Open(ReferenceModels.Folder("upstream-test"));
        Assert.That(() => checkpoint["no.such"], Throws.TypeOf<CheckpointException>().With.Message.Contains("'no.such'"));
        Assert.That(checkpoint.TryGet("no.such", out _), Is.False);
    }

    [Test]
    public void AFolderWithoutACheckpointSaysWhatIsSought()
    {
        using var folder = new TemporaryFolder();
        Assert.That(
            () => Checkpoint.Open(folder.Path),
            Throws.TypeOf<FileNotFoundException>().With.Message.EndsWith(": holds neither model.safetensors nor model.safetensors.index.json"));
        folder.Write("pytorch_model.bin", "");
        Assert.That(
            () => Checkpoint.Open(folder.Path), Throws.TypeOf<FileNotFoundException>().With.Message.Contains("pytorch_model.bin is a pickle"));
        Assert.That(
            () => Checkpoint.Open(folder.File("none")), Throws.TypeOf<DirectoryNotFoundException>().With.Message.EndsWith("none: no such folder"));
    }

    [TestCase("""{"weight_map":{"a":"s.safetensors","b":"s.safetensors"},"metadata":{"total_size":"nonsense"}}""", null, TestName = "a right index")]
    [TestCase("""{"weight_map":{}}""", null, TestName = "an index of nothing")]
    [TestCase("""{"metadata":{}}""", "weight_map is missing")]
    [TestCase("""{"weight_map":[]}""", "weight_map is an array; it must be an object")]
    [TestCase("""{"weight_map":{"a":1}}""", "weight_map.a is 1; it must be a file name")]
    [TestCase("""{"weight_map":{"a":"../s.safetensors"}}""", "weight_map.a is '../s.safetensors'; it must be the name of a .safetensors file in the index's own folder")]
    [TestCase("""{"weight_map":{"a":"/etc/s.safetensors"}}""", "weight_map.a is '/etc/s.safetensors'; it must be the name")]
    [TestCase("""{"weight_map":{"a":"x\\s.safetensors"}}""", "it must be the name")]
    [TestCase("""{"weight_map":{"a":"C:s.safetensors"}}""", "it must be the name")]
    [TestCase("""{"weight_map":{"a":".safetensors"}}""", "it must be the name")]
    [TestCase("""{"weight_map":{"a":"s\u0000.safetensors"}}""", "it must be the name")]
    [TestCase("""{"weight_map":{"a":"passwd"}}""", "it must be the name")]
    [TestCase("""{"weight_map":{"a":"s.safetensors","a":"s.safetensors"}}""", "is not JSON")]
    [TestCase("""{"weight_map":{"a":"t.safetensors"}}""", "names the shard 't.safetensors', which is not in the folder")]
    [TestCase("""{"weight_map":{"c":"s.safetensors"}}""", "tensor 'c': is not in this shard, where")]
    [TestCase("""{"weight_map":{"a":"broken.safetensors"}}""", "the file has 3 bytes")]
    [TestCase("""{"weight_map":""", "is not JSON")]
    public void AnIndexIsChecked(string index, string? problem)
    {
        using var folder = new TemporaryFolder();
        string[] names = ["a", "b", "unlisted"];
        using (var writer = new SafetensorsWriter(folder.File("s.safetensors"), names.Select(n => (n, DType.U8, new Shape(0)))))
            writer.Complete();
        folder.Write("broken.safetensors", "abc");
        folder.Write("model.safetensors.index.json", index);
        if (problem is null)
        {
            using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
            Assert.That(checkpoint.Names, Is.SubsetOf(new[] { "a", "b" }));
        }
        else
        {
            Assert.That(() => Checkpoint.Open(folder.Path), Throws.InstanceOf<Kosmos2FormatException>().With.Message.Contains(problem));
        }
    }

    [Test]
    public void WeightsOfAnIntegerTypeAreRefused()
    {
        string source = ReferenceModels.Folder("single-layer");
        Kosmos2Config config = Kosmos2Config.Load(source);
        using var folder = new TemporaryFolder();
        var tensors = TensorCatalog.For(config).Select(t => (t.Name, DType.I8, t.Shape));
        using (var writer = new SafetensorsWriter(folder.File("model.safetensors"), tensors))
        {
            foreach (SafetensorsEntry entry in writer.Entries)
                writer.Write<byte>(entry.Name, 0, new byte[entry.ByteLength]);
            writer.Complete();
        }

        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        Assert.That(
            () => checkpoint.Validate(config),
            Throws.TypeOf<CheckpointException>().With.Message.Contains("has type I8; weights are F32, F16 or BF16"));
    }

    [Test]
    public void TensorsOfADisposedCheckpointSaySo()
    {
        Checkpoint checkpoint = Checkpoint.Open(ReferenceModels.Folder("single-layer"));
        Tensor tensor = checkpoint["image_to_text_projection.latent_query"];
        checkpoint.Dispose();
        checkpoint.Dispose();
        Assert.That(() => tensor.AsSpan<float>().Length, Throws.InvalidOperationException);
    }
}
