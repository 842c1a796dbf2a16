using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>quantization_config is read as compressed-tensors means it, and what would change the numbers is refused by name.</summary>
internal sealed class QuantizationConfigTests
{
    private const string Weights = """{"num_bits":4,"type":"int","symmetric":true,"strategy":"group","group_size":32}""";

    [Test]
    public void TheBestMatchOfAModuleDecides()
    {
        QuantizationConfig config = Parse("""
            "format":"pack-quantized","ignore":["text_model.lm_head","re:vision_model.*fc2$"],
            "config_groups":{
              "all":{"targets":["Linear"],"weights":{"num_bits":4,"type":"int","strategy":"group","group_size":64,"symmetric":false}},
              "some":{"targets":["re:.*q_proj"],"weights":{"num_bits":4,"type":"int","strategy":"channel"}},
              "one":{"targets":["a.q_proj","text_model.model.embed_tokens"],"format":"int-quantized","weights":{"num_bits":8,"type":"int","strategy":"channel"}}}
            """);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(config.SchemeOf("a.fc1", "Linear"), Is.EqualTo(new QuantizationScheme(4, 64, false)));
            Assert.That(config.SchemeOf("b.q_proj", "Linear"), Is.EqualTo(new QuantizationScheme(4)));
            Assert.That(config.SchemeOf("a.q_proj", "Linear"), Is.EqualTo(new QuantizationScheme(8)));
            Assert.That(config.SchemeOf("text_model.model.embed_tokens", "Embedding"), Is.EqualTo(new QuantizationScheme(8)));
            Assert.That(config.SchemeOf("vision_model.model.embeddings.position_embedding", "Embedding"), Is.Null);
            Assert.That(config.SchemeOf("text_model.lm_head", "Linear"), Is.Null);
            Assert.That(config.SchemeOf("vision_model.model.encoder.layers.0.mlp.fc2", "Linear"), Is.Null);
            Assert.That(config.SchemeOf("text_model.model.layers.0.ffn.fc2", "Linear"), Is.Not.Null);
        }
    }

    [Test]
    public void ItIsWrittenBackAsItWas()
    {
        Kosmos2Config config = Kosmos2Config.Parse(Document("""
            "format":"pack-quantized","version":"0.20.0","extra":[1],
            "config_groups":{"g":{"targets":["Linear"],"input_activations":{"dynamic":true,"num_bits":8},"weights":WEIGHTS}}
            """.Replace("WEIGHTS", Weights, StringComparison.Ordinal)));
        Kosmos2Config again = Kosmos2Config.Parse(config.ToJson());
        Assert.That(again.ToJson(), Is.EqualTo(config.ToJson()).And.Contains("\"extra\""));
        Assert.That(again.QuantizationConfig!.NamesActivations, Is.True);
        Assert.That(again.QuantizationConfig.ToString(), Is.EqualTo("compressed-tensors: int4 in groups of 32 (Linear)"));
    }

    [TestCase("""
        "config_groups":{}
        """, "config_groups names no group of quantized weights")]
    [TestCase("""
        "config_groups":{"g":{"targets":["Linear"]}}
        """, "config_groups.g.weights is missing")]
    [TestCase("""
        "format":"float-quantized","config_groups":{"g":{"targets":["Linear"],"weights":{"num_bits":8,"type":"float"}}}
        """, "config_groups.g.weights.type is 'float'; supported is int")]
    [TestCase("""
        "format":"pack-quantized","config_groups":{"g":{"targets":["Linear"],"weights":{"num_bits":3,"type":"int"}}}
        """, "config_groups.g.weights.num_bits is 3 in the format pack-quantized; supported are 8 in int-quantized and 4 in pack-quantized")]
    [TestCase("""
        "format":"marlin-24","config_groups":{"g":{"targets":["Linear"],"weights":{"num_bits":4,"type":"int"}}}
        """, "belongs to the format 'marlin-24'; supported are int-quantized and pack-quantized")]
    [TestCase("""
        "config_groups":{"g":{"targets":["Linear"],"weights":{"num_bits":8,"type":"int","strategy":"block"}}}
        """, "config_groups.g.weights.strategy is 'block'; supported are channel and group")]
    [TestCase("""
        "config_groups":{"g":{"targets":["Linear"],"weights":{"num_bits":8,"type":"int","strategy":"group"}}}
        """, "config_groups.g.weights.group_size is missing")]
    [TestCase("""
        "config_groups":{"g":{"targets":["Linear"],"weights":{"num_bits":8,"type":"int","actorder":"group"}}}
        """, "config_groups.g.weights.actorder is 'group'; groups of columns in another order are not supported")]
    [TestCase("""
        "config_groups":{"g":{"targets":["Linear"],"input_activations":{"dynamic":false},"weights":{"num_bits":8,"type":"int"}}}
        """, "config_groups.g.input_activations.dynamic is false; activations with stored scales are not supported")]
    [TestCase("""
        "config_groups":{"g":{"targets":["Linear"],"output_activations":{"num_bits":8},"weights":{"num_bits":8,"type":"int"}}}
        """, "config_groups.g.output_activations is set; quantized outputs are not supported")]
    [TestCase("""
        "config_groups":{"g":{"targets":[7],"weights":{"num_bits":8,"type":"int"}}}
        """, "config_groups.g.targets holds 7; it must be an array of strings")]
    [TestCase("""
        "config_groups":{"g":{"targets":["re:(a"],"weights":{"num_bits":8,"type":"int"}}}
        """, "config_groups.g.targets holds 're:(a', which is no usable pattern")]
    [TestCase("""
        "config_groups":{"g":{"targets":["re:(a)\\1"],"weights":{"num_bits":8,"type":"int"}}}
        """, "which is no usable pattern")]
    [TestCase("""
        "quantization_status":"frozen","config_groups":{}
        """, "quantization_config.quantization_status is 'frozen'; supported is compressed")]
    [TestCase("""
        "kv_cache_scheme":{"num_bits":8},"config_groups":{}
        """, "quantization_config.kv_cache_scheme is set; quantized key/value caches are not supported")]
    [TestCase("""
        "sparsity_config":{"format":"sparse-24-bitmask"},"config_groups":{}
        """, "quantization_config.sparsity_config is not dense")]
    public void WhatIsNotComputedIsRefused(string fields, string problem) =>
        Assert.That(() => Parse(fields), Throws.TypeOf<ConfigurationException>().With.Message.Contains(problem));

    private static QuantizationConfig Parse(string fields) => Kosmos2Config.Parse(Document(fields)).QuantizationConfig!;

    private static string Document(string fields) => "{\"quantization_config\":{\"quant_method\":\"compressed-tensors\"," + fields + "}}";
}
