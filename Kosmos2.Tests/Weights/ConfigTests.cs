using System.Text.Json;
using Kosmos2.Kernels;
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
            Assert.That(config.TextConfig.Activation, Is.EqualTo(Activation.Relu));
            Assert.That(config.VisionConfig.Activation, Is.EqualTo(Activation.Gelu));
            Assert.That(config.TextConfig.ScaleEmbedding, Is.False);
            Assert.That(config.VisionConfig.LayerNormEps, Is.EqualTo(1e-6));
            Assert.That(config.VisionConfig.NumPositions, Is.EqualTo(10));
            Assert.That(config.OtherFields["transformers_version"].GetString(), Is.EqualTo("4.57.6"));
        }
    }

    [TestCaseSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))]
    public void WritingKeepsEveryFieldOfTheFile(string name)
    {
        string path = Path.Combine(ReferenceModels.Folder(name), "config.json");
        using JsonDocument original = JsonDocument.Parse(File.ReadAllBytes(path));
        using JsonDocument written = JsonDocument.Parse(Kosmos2Config.Load(path).ToJson());
        AssertHolds(written.RootElement, original.RootElement, "");
        Assert.That(Kosmos2Config.Parse(written.RootElement.GetRawText()).ToJson(), Is.EqualTo(Kosmos2Config.Load(path).ToJson()));
    }

    [Test]
    public void UnknownFieldsAreKeptAtEveryLevel()
    {
        const string Json = """{"a":[1,{"b":null}],"text_config":{"no_repeat_ngram_size":3,"eos_token_id":2,"x":"ü"},"vision_config":{"y":1e400}}""";
        Kosmos2Config config = Kosmos2Config.Parse(Json);
        Assert.That(config.TextConfig.OtherFields["no_repeat_ngram_size"].GetInt32(), Is.EqualTo(3));
        Assert.That(config.TextConfig.OtherFields.Keys, Is.EqualTo(new[] { "no_repeat_ngram_size", "x" }));
        using JsonDocument original = JsonDocument.Parse(Json);
        using JsonDocument written = JsonDocument.Parse(config.ToJson());
        AssertHolds(written.RootElement, original.RootElement, "");
    }

    [TestCase("{}")]
    [TestCase("""{"text_config":null,"vision_config":null,"quantization_config":null}""")]
    [TestCase("""{"model_type":"kosmos-2","text_config":{},"vision_config":{}}""")]
    public void WhatIsAbsentHasTheRealModelsValue(string json)
    {
        Kosmos2Config config = Kosmos2Config.Parse(json);
        Kosmos2TextConfig text = config.TextConfig;
        Kosmos2VisionConfig vision = config.VisionConfig;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(config.ToJson(), Is.EqualTo(new Kosmos2Config().ToJson()));
            Assert.That(config.LatentQueryNum, Is.EqualTo(64));
            Assert.That((text.VocabSize, text.MaxPositionEmbeddings), Is.EqualTo((65037, 2048)));
            Assert.That((text.EmbedDim, text.Layers, text.FfnDim, text.AttentionHeads, text.HeadDim), Is.EqualTo((2048, 24, 8192, 32, 64)));
            Assert.That((text.Activation, text.LayerNormEps), Is.EqualTo((Activation.Gelu, 1e-5)));
            Assert.That((text.ScaleEmbedding, text.TieWordEmbeddings, text.UseCache), Is.EqualTo((true, true, true)));
            Assert.That((text.PadTokenId, text.BosTokenId, text.EosTokenId), Is.EqualTo((1, 0, 2)));
            Assert.That((text.Dropout, text.AttentionDropout, text.ActivationDropout, text.LayerDrop), Is.EqualTo((0.1, 0.1, 0.0, 0.0)));
            Assert.That(text.InitStd, Is.EqualTo(0.02));
            Assert.That((vision.HiddenSize, vision.IntermediateSize, vision.NumHiddenLayers), Is.EqualTo((1024, 4096, 24)));
            Assert.That((vision.NumAttentionHeads, vision.HeadDim, vision.NumPositions), Is.EqualTo((16, 64, 257)));
            Assert.That((vision.NumChannels, vision.ImageSize, vision.PatchSize), Is.EqualTo((3, 224, 14)));
            Assert.That((vision.Activation, vision.LayerNormEps), Is.EqualTo((Activation.QuickGelu, 1e-5)));
            Assert.That((vision.AttentionDropout, vision.InitializerRange, vision.InitializerFactor), Is.EqualTo((0.0, 0.02, 1.0)));
        }
    }

    [Test]
    public void AliasesAreRead()
    {
        const string Json = """{"text_config":{"hidden_size":96,"num_hidden_layers":3,"num_attention_heads":6,"activation_function":"gelu_python"}}""";
        Kosmos2TextConfig text = Kosmos2Config.Parse(Json).TextConfig;
        Assert.That((text.EmbedDim, text.Layers, text.AttentionHeads, text.Activation), Is.EqualTo((96, 3, 6, Activation.Gelu)));
        Assert.That(text.OtherFields, Is.Empty);
    }

    [Test]
    public void PartsAreReadFromAWholeFileOrAlone()
    {
        using var folder = new TemporaryFolder();
        string whole = folder.Write("whole.json", """{"model_type":"kosmos-2","text_config":{"layers":5},"vision_config":{"patch_size":7}}""");
        string text = folder.Write("text.json", """{"model_type":"kosmos_2_text_model","layers":6}""");
        string vision = folder.Write("vision.json", """{"model_type":"kosmos_2_vision_model","patch_size":8}""");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Kosmos2TextConfig.Load(whole).Layers, Is.EqualTo(5));
            Assert.That(Kosmos2TextConfig.Load(text).Layers, Is.EqualTo(6));
            Assert.That(Kosmos2VisionConfig.Load(whole).PatchSize, Is.EqualTo(7));
            Assert.That(Kosmos2VisionConfig.Load(vision).PatchSize, Is.EqualTo(8));
        }
    }

    [TestCase("", "is not JSON")]
    [TestCase("[]", "holds an array; it must hold an object")]
    [TestCase("{\"a\":1,\"a\":2}", "is not JSON")]
    [TestCase("{\"a\":\"\\udc00\"}", "holds a string with half a surrogate pair at byte 5")]
    [TestCase("{\"model_type\":\"llama\"}", "model_type is 'llama'; this library runs kosmos-2 only")]
    [TestCase("{\"model_type\":\"kosmos_2_text_model\"}", "model_type is 'kosmos_2_text_model'; this library runs kosmos-2 only")]
    [TestCase("{\"quantization_config\":{\"quant_method\":\"gptq\"}}", "quantization_config.quant_method is 'gptq'; supported is compressed-tensors")]
    [TestCase("{\"quantization_config\":{}}", "quantization_config.quant_method is 'unknown'")]
    [TestCase("{\"quantization_config\":7}", "quantization_config is 7; it must be an object")]
    [TestCase("{\"latent_query_num\":0}", "latent_query_num is 0; it must be between 1 and 1048576")]
    [TestCase("{\"latent_query_num\":1.0}", "latent_query_num is 1.0; it must be an integer")]
    [TestCase("{\"latent_query_num\":1e1}", "latent_query_num is 1e1; it must be an integer")]
    [TestCase("{\"latent_query_num\":99999999999999999999}", "latent_query_num is 99999999999999999999; it must be between 1 and 1048576")]
    [TestCase("{\"latent_query_num\":\"64\"}", "latent_query_num is '64'; it must be an integer")]
    [TestCase("{\"latent_query_num\":null}", "latent_query_num is null; it must be an integer")]
    [TestCase("{\"text_config\":3}", "text_config is 3; it must be an object")]
    [TestCase("{\"text_config\":{\"add_cross_attention\":true}}", "text_config.add_cross_attention is true; cross-attention is not supported")]
    [TestCase("{\"text_config\":{\"activation_function\":\"gelu_new\"}}", "text_config.activation_function is 'gelu_new'; supported are gelu, quick_gelu and relu")]
    [TestCase("{\"text_config\":{\"embed_dim\":100}}", "text_config.attention_heads is 32, which does not divide embed_dim 100")]
    [TestCase("{\"text_config\":{\"embed_dim\":64,\"hidden_size\":128}}", "text_config.embed_dim is given twice, as embed_dim and as hidden_size, with different values")]
    [TestCase("{\"text_config\":{\"layers\":-1}}", "text_config.layers is -1; it must be between 1 and 1024")]
    [TestCase("{\"text_config\":{\"vocab_size\":2147483647}}", "text_config.vocab_size is 2147483647; it must be between 1 and 16777216")]
    [TestCase("{\"text_config\":{\"layer_norm_eps\":-1e-5}}", "text_config.layer_norm_eps is -1e-5; it must be between 0 and 1")]
    [TestCase("{\"text_config\":{\"layer_norm_eps\":\"1e-5\"}}", "text_config.layer_norm_eps is '1e-5'; it must be a number")]
    [TestCase("{\"text_config\":{\"scale_embedding\":1}}", "text_config.scale_embedding is 1; it must be true or false")]
    [TestCase("{\"text_config\":{\"pad_token_id\":null}}", "text_config.pad_token_id is null; it must be an integer")]
    [TestCase("{\"vision_config\":{\"hidden_act\":\"swish\"}}", "vision_config.hidden_act is 'swish'; supported are")]
    [TestCase("{\"vision_config\":{\"hidden_act\":[]}}", "vision_config.hidden_act is an array; it must be a string")]
    [TestCase("{\"vision_config\":{\"num_attention_heads\":15}}", "vision_config.num_attention_heads is 15, which does not divide hidden_size 1024")]
    [TestCase("{\"vision_config\":{\"patch_size\":225}}", "vision_config.patch_size is 225, more than image_size 224")]
    [TestCase("{\"vision_config\":{\"image_size\":1000000}}", "vision_config.image_size is 1000000; it must be between 1 and 16384")]
    public void WrongAndUnsupportedValuesAreNamed(string json, string problem) =>
        Assert.That(() => Kosmos2Config.Parse(json), Throws.TypeOf<ConfigurationException>().With.Message.StartsWith($"config.json: {problem}"));

    [Test]
    public void FilesThatAreNotTextOrMissingAreNamed()
    {
        using var folder = new TemporaryFolder();
        Assert.That(() => Kosmos2Config.Load(folder.Path), Throws.TypeOf<FileNotFoundException>().With.Message.Contains("config.json: no such file"));
        string path = folder.Write("config.json", [(byte)'{', 0xff, (byte)'}']);
        Assert.That(() => Kosmos2Config.Load(folder.Path), Throws.TypeOf<ConfigurationException>().With.Message.EqualTo($"{path}: is not UTF-8"));
        folder.Write("config.json", "");
        Assert.That(() => Kosmos2Config.Load(folder.Path), Throws.TypeOf<ConfigurationException>().With.Message.EqualTo($"{path}: is empty"));
        folder.Write("config.json", "\uFEFF{}");
        Assert.That(Kosmos2Config.Load(folder.Path).LatentQueryNum, Is.EqualTo(64), "a byte order mark is passed over");
    }

    [Test]
    [Platform("Linux", Reason = "needs a device that never ends")]
    public void ADeviceIsRefusedRatherThanReadForever()
    {
        Assert.That(() => Kosmos2Config.Load("/dev/zero"), Throws.TypeOf<ConfigurationException>().With.Message.EqualTo("/dev/zero: is empty"));
        Assert.That(() => SafetensorsFile.Open("/dev/zero"), Throws.TypeOf<SafetensorsException>().With.Message.Contains("the file has 0 bytes"));
    }

    /// <summary>Every field of <paramref name="expected"/> stands in <paramref name="found"/> with the same value.</summary>
    private static void AssertHolds(JsonElement found, JsonElement expected, string path)
    {
        if (expected.ValueKind != JsonValueKind.Object)
        {
            bool bothNumbers = expected.ValueKind == JsonValueKind.Number && found.ValueKind == JsonValueKind.Number;
            bool equal = bothNumbers ? found.GetDouble().Equals(expected.GetDouble()) : JsonElement.DeepEquals(found, expected);
            Assert.That(equal, Is.True, $"{path}: {found} instead of {expected}");
            return;
        }

        foreach (JsonProperty property in expected.EnumerateObject())
        {
            Assert.That(found.TryGetProperty(property.Name, out JsonElement value), Is.True, $"{path}.{property.Name} is missing");
            AssertHolds(value, property.Value, $"{path}.{property.Name}");
        }
    }
}
