using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>JSON files that were right once, with bits flipped.</summary>
internal sealed class DamagedConfigurationTests
{
    [TestCase("config.json")]
    [TestCase("preprocessor_config.json")]
    [TestCase("processor_config.json")]
    [TestCase("special_tokens_map.json")]
    [TestCase("model.safetensors.index.json")]
    public void FlippedBytesNeverDoWorseThanTheTypedException(string file)
    {
        string source = file.EndsWith("index.json", StringComparison.Ordinal) ? ReferenceModels.Folder("real-shapes") : TestData.ShapesModel;
        byte[] whole = File.ReadAllBytes(Path.Combine(source, file));
        using var folder = new TemporaryFolder();
        var random = new Random(file.Length);
        int refused = 0;
        for (int run = 0; run < 500; run++)
        {
            byte[] damaged = (byte[])whole.Clone();
            damaged[random.Next(damaged.Length)] ^= (byte)random.Next(1, 256);
            folder.Overwrite(file, damaged);
            try
            {
                Load(folder.Path, file);
            }
            catch (Kosmos2FormatException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.InRange(100, 499));
    }

    private static void Load(string folder, string file)
    {
        switch (file)
        {
            case "config.json":
                Kosmos2Config.Load(folder).ToJson();
                break;
            case "preprocessor_config.json":
                PreprocessorConfig.Load(folder);
                break;
            case "processor_config.json":
                ProcessorConfig.Load(folder);
                break;
            case "special_tokens_map.json":
                TokenizerConfig.Load(folder);
                break;
            default:
                CheckpointIndex.Read(Path.Combine(folder, file));
                break;
        }
    }
}
