using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

internal sealed class ConfigTests
{
    [Test]
    public void ReferenceConfigurationsAreRead()
    {
        Kosmos2Config config = Kosmos2Config.Load(ReferenceModels.Folder("odd-sizes"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(config.LatentQueryNum, Is.EqualTo(7));
            Assert.That(config.TextConfig.EmbedDim, Is.EqualTo(45));
            Assert.That(config.TextConfig.ActivationFunction, Is.EqualTo("relu"));
            Assert.That(config.TextConfig.ScaleEmbedding, Is.False);
            Assert.That(config.VisionConfig.LayerNormEps, Is.EqualTo(1e-6));
            Assert.That(config.OtherFields["transformers_version"].GetString(), Is.EqualTo("4.57.6"));
        }
    }

    [Test]
    public void AnEmptyConfigurationIsTheRealModels()
    {
        Kosmos2Config config = Kosmos2Config.Parse("{}");
        Assert.That(config.ToJson(), Is.EqualTo(new Kosmos2Config().ToJson()));
        Assert.That(config.TextConfig.HeadDim, Is.EqualTo(64));
    }
}
