using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

internal sealed class TensorCatalogTests
{
    [Test]
    public void TheRealModelHasItsTensorsAndParameters()
    {
        IReadOnlyList<CatalogEntry> all = TensorCatalog.For(new Kosmos2Config());
        CatalogEntry[] required = [.. all.Where(t => t.Required)];
        long Parameters(string prefix) => required.Where(t => t.Name.StartsWith(prefix, StringComparison.Ordinal)).Sum(t => t.Shape.ElementCount);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(required, Has.Length.EqualTo(885));
            Assert.That(all, Has.Count.EqualTo(886));
            Assert.That(Parameters("text_model."), Is.EqualTo(1_342_289_920));
            Assert.That(Parameters("vision_model."), Is.EqualTo(303_179_776));
            Assert.That(Parameters("image_to_text_projection."), Is.EqualTo(19_015_680));
            Assert.That(new Kosmos2Config().ParameterCount, Is.EqualTo(1_664_485_376));
        }
    }

    [TestCaseSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))]
    public void ReferenceModelsHaveExactlyTheExpectedTensors(string name)
    {
        using Checkpoint checkpoint = Checkpoint.Open(ReferenceModels.Folder(name));
        Assert.That(checkpoint.Validate(Kosmos2Config.Load(ReferenceModels.Folder(name))), Is.Empty);
    }

    [Test]
    public void AnUntiedHeadIsRequired()
    {
        Kosmos2Config config = Kosmos2Config.Load(ReferenceModels.Folder("single-layer"));
        using Checkpoint checkpoint = Checkpoint.Open(ReferenceModels.Folder("single-layer"));
        Kosmos2Config untied = config with { TextConfig = config.TextConfig with { TieWordEmbeddings = false } };
        Assert.That(
            () => checkpoint.Validate(untied),
            Throws.TypeOf<CheckpointException>().With.Message.EqualTo(
                $"{checkpoint.Folder}: tensor 'text_model.lm_head.weight': is missing; the configuration asks for [131, 24]"));
    }

    [Test]
    public void AWrongShapeNamesFileFoundAndExpected()
    {
        string folder = ReferenceModels.Folder("single-layer");
        Kosmos2Config config = Kosmos2Config.Load(folder) with { LatentQueryNum = 5 };
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        Assert.That(
            () => checkpoint.Validate(config),
            Throws.TypeOf<CheckpointException>().With.Message.EqualTo(
                $"{checkpoint.Files[0].FilePath}: tensor 'image_to_text_projection.latent_query': has shape [1, 24]; the configuration asks for [5, 24]"));
    }

    [Test]
    public void ManyProblemsAreCounted()
    {
        string folder = ReferenceModels.Folder("single-layer");
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        Assert.That(
            () => checkpoint.Validate(new Kosmos2Config()),
            Throws.TypeOf<CheckpointException>().With.Message.Match(@"has shape \[16\]; the configuration asks for \[1024\] \(\d{3} more tensors do not fit\)"));
    }
}
