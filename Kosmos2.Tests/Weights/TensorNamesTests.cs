using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

internal sealed class TensorNamesTests
{
    [TestCase("gpt_model.decoder.output_projection.weight", "text_model.lm_head.weight")]
    [TestCase("gpt_model.decoder.embed_tokens.weight", "text_model.model.embed_tokens.weight")]
    [TestCase("gpt_model.decoder.layers.23.self_attn.inner_attn_ln.bias", "text_model.model.layers.23.self_attn.inner_attn_ln.bias")]
    [TestCase("gpt_model.decoder.layers.0.ffn.ffn_layernorm.weight", "text_model.model.layers.0.ffn.ffn_layernorm.weight")]
    [TestCase("gpt_model.decoder.layer_norm.weight", "text_model.model.layer_norm.weight")]
    [TestCase("img_connector.latent_query", "image_to_text_projection.latent_query")]
    [TestCase("img_connector.x_attn.out_proj.bias", "image_to_text_projection.x_attn.out_proj.bias")]
    [TestCase("img_model.visual.class_embedding", "vision_model.model.embeddings.class_embedding")]
    [TestCase("img_model.visual.positional_embedding", "vision_model.model.embeddings.position_embedding.weight")]
    [TestCase("img_model.visual.conv1.weight", "vision_model.model.embeddings.patch_embedding.weight")]
    [TestCase("img_model.visual.ln_pre.weight", "vision_model.model.pre_layrnorm.weight")]
    [TestCase("img_model.visual.ln_post.bias", "vision_model.model.post_layernorm.bias")]
    [TestCase("img_model.visual.transformer.resblocks.7.ts_attn.q_proj.weight", "vision_model.model.encoder.layers.7.self_attn.q_proj.weight")]
    [TestCase("img_model.visual.transformer.resblocks.7.ln_1.weight", "vision_model.model.encoder.layers.7.layer_norm1.weight")]
    [TestCase("img_model.visual.transformer.resblocks.7.ln_2.bias", "vision_model.model.encoder.layers.7.layer_norm2.bias")]
    [TestCase("img_model.visual.transformer.resblocks.7.mlp.c_fc.weight", "vision_model.model.encoder.layers.7.mlp.fc1.weight")]
    [TestCase("img_model.visual.transformer.resblocks.7.mlp.c_proj.bias", "vision_model.model.encoder.layers.7.mlp.fc2.bias")]
    [TestCase("vision_model.embeddings.class_embedding", "vision_model.model.embeddings.class_embedding")]
    [TestCase("vision_model.encoder.layers.0.layer_norm1.bias", "vision_model.model.encoder.layers.0.layer_norm1.bias")]
    [TestCase("vision_model.pre_layrnorm.weight", "vision_model.model.pre_layrnorm.weight")]
    [TestCase("image_features.dense.weight", "image_to_text_projection.dense.weight")]
    [TestCase("image_features_projection.latent_query", "image_to_text_projection.latent_query")]
    [TestCase("something.ln_1.else", "something.ln_1.else")]
    public void OlderNamesBecomeTheReleasedOnes(string old, string released) => Assert.That(TensorNames.ToReleased(old), Is.EqualTo(released));

    [Test]
    public void ReleasedNamesStayAsTheyAre()
    {
        foreach (CatalogEntry entry in TensorCatalog.For(new Kosmos2Config()))
            Assert.That(TensorNames.ToReleased(entry.Name), Is.EqualTo(entry.Name));
    }

    /// <summary>The conversion script's map backwards makes a fairseq file of a released one; read, it is the released one again.</summary>
    [Test]
    public void AFairseqCheckpointIsReadAsTheReleasedOne()
    {
        string source = ReferenceModels.Folder("single-layer");
        using var folder = new TemporaryFolder();
        using Checkpoint released = Checkpoint.Open(source);
        (string, Shape)[] buffers =
            [("gpt_model.decoder.embed_positions._float_tensor", new Shape(1)), ("gpt_model.decoder.self_attn_sope.scale", new Shape(4))];
        WriteRenamed(released, folder.File("model.safetensors"), ToFairseq, buffers);
        using Checkpoint fairseq = Checkpoint.Open(folder.Path);
        Assert.That(fairseq.Files[0].Entries.Select(e => e.Name), Has.None.StartsWith("text_model").And.None.StartsWith("vision_model"));
        AssertSame(fairseq, released, Kosmos2Config.Load(source));
    }

    [Test]
    public void APreReleaseCheckpointIsReadAsTheReleasedOne()
    {
        string source = ReferenceModels.Folder("single-layer");
        using var folder = new TemporaryFolder();
        using Checkpoint released = Checkpoint.Open(source);
        (string, Shape)[] buffers =
            [("vision_model.embeddings.position_ids", new Shape(1, 2)), ("text_model.model.embed_positions.weights", new Shape(3, 24))];
        string Rename(string name) => name.Replace("vision_model.model.", "vision_model.").Replace("image_to_text_projection", "img_connector");
        WriteRenamed(released, folder.File("model.safetensors"), Rename, buffers);
        using Checkpoint old = Checkpoint.Open(folder.Path);
        AssertSame(old, released, Kosmos2Config.Load(source));
    }

    [Test]
    public void AHeadThatIsStoredAllTheSameIsAccepted()
    {
        string source = ReferenceModels.Folder("single-layer");
        using var folder = new TemporaryFolder();
        using Checkpoint released = Checkpoint.Open(source);
        (string, Shape)[] additions = [("text_model.lm_head.weight", new Shape(131, 24)), ("unrelated.thing", new Shape(2))];
        WriteRenamed(released, folder.File("model.safetensors"), n => n, additions);
        using Checkpoint withHead = Checkpoint.Open(folder.Path);
        Assert.That(withHead.Validate(Kosmos2Config.Load(source)), Is.EqualTo(new[] { "unrelated.thing" }));
    }

    [Test]
    public void TwoTensorsOfOneReleasedNameAreRefused()
    {
        using var folder = new TemporaryFolder();
        using Checkpoint released = Checkpoint.Open(ReferenceModels.Folder("single-layer"));
        WriteRenamed(released, folder.File("model.safetensors"), n => n, [("img_connector.latent_query", new Shape(1, 24))]);
        Assert.That(
            () => Checkpoint.Open(folder.Path),
            Throws.TypeOf<CheckpointException>().With.Message.Contains("is 'image_to_text_projection.latent_query' under another name, and so is"));
    }

    private static string ToFairseq(string name)
    {
        (string Released, string Old)[] vision =
        [
            ("embeddings.position_embedding.weight", "positional_embedding"), ("embeddings.patch_embedding", "conv1"), ("embeddings.class", "class"),
            ("encoder.layers", "transformer.resblocks"), ("self_attn", "ts_attn"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
            ("fc1", "c_fc"), ("fc2", "c_proj"), ("pre_layrnorm", "ln_pre"), ("post_layernorm", "ln_post"), ("vision_model.model", "img_model.visual"),
        ];
        if (name.StartsWith("vision_model", StringComparison.Ordinal))
            return vision.Aggregate(name, (n, pair) => n.Replace(pair.Released, pair.Old));
        return name.Replace("text_model.model", "gpt_model.decoder").Replace("image_to_text_projection", "img_connector");
    }

    private static void WriteRenamed(Checkpoint source, string path, Func<string, string> rename, (string Name, Shape Shape)[] additions)
    {
        var renamed = source.Names.Select(n => (rename(n), source[n].DType, source[n].Shape));
        using var writer = new SafetensorsWriter(path, renamed.Concat(additions.Select(a => (a.Name, DType.F32, a.Shape))));
        foreach (string name in source.Names)
            writer.Write(rename(name), source[name]);
        foreach ((string name, Shape shape) in additions)
            writer.Write<float>(name, 0, new float[shape.ElementCount]);
        writer.Complete();
    }

    private static void AssertSame(Checkpoint found, Checkpoint expected, Kosmos2Config config)
    {
        Assert.That(found.Validate(config), Is.Empty);
        Assert.That(found.Names, Is.EquivalentTo(expected.Names));
        foreach (string name in expected.Names)
            Assert.That(found[name].AsSpan<float>().SequenceEqual(expected[name].AsSpan<float>()), Is.True, name);
    }
}
