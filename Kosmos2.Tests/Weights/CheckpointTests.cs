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
        }
    }

    [Test]
    public void AMissingTensorIsNamed()
    {
        using Checkpoint checkpoint = Checkpoint.Open(ReferenceModels.Folder("upstream-test"));
        Assert.That(() => checkpoint["no.such"], Throws.TypeOf<CheckpointException>().With.Message.Contains("'no.such'"));
        Assert.That(checkpoint.TryGet("no.such", out _), Is.False);
    }
}
