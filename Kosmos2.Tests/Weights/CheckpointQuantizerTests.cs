using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Reference;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>Written checkpoints of small weights: complete, in the same shards, read back as what was written, close to what they were.</summary>
internal sealed class CheckpointQuantizerTests
{
    private const string Fc1 = "text_model.model.layers.0.ffn.fc1.weight";
    private static readonly string[] Models = ["upstream-test", "real-shapes", "bf16"];

    [Test]
    public void EveryFormatIsWrittenAndReadBack([ValueSource(nameof(Models))] string model, [Values(WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Int4)] WeightFormat format)
    {
        using var folder = new TemporaryFolder();
        string source = ReferenceModels.Folder(model);
        Kosmos2Config made = CheckpointQuantizer.Write(source, folder.Path, new QuantizeOptions { Format = format, FoldInputs = false });
        Kosmos2Config config = Kosmos2Config.Load(folder.Path);
        using Checkpoint before = Checkpoint.Open(source), after = Checkpoint.Open(folder.Path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(config.ToJson(), Is.EqualTo(made.ToJson()));
            Assert.That(after.Validate(config), Is.Empty);
            Assert.That(after.Files.Select(f => Path.GetFileName(f.FilePath)), Is.EquivalentTo(before.Files.Select(f => Path.GetFileName(f.FilePath))));
            Assert.That(File.Exists(folder.File("generation_config.json")), Is.EqualTo(File.Exists(Path.Combine(source, "generation_config.json"))));
            Assert.That(after["text_model.model.embed_tokens.weight"].DType, Is.EqualTo(format == WeightFormat.BFloat16 ? DType.BF16 : DType.I8));
            Assert.That(RelativeError(before, after, config, Fc1), Is.LessThan(format == WeightFormat.Int4 ? 0.1 : 0.01));
        }
        if (format != WeightFormat.BFloat16)
            Assert.That(config.QuantizationConfig!.Schemes.Distinct(), Is.EquivalentTo(format == WeightFormat.Int8 ? [new(8)] : new QuantizationScheme[] { new(8), new(4, 32) }));
    }

    [TestCase(WeightFormat.Int4, null, 8)]
    [TestCase(WeightFormat.Int4, WeightFormat.Int4, 4)]
    [TestCase(WeightFormat.Int8, WeightFormat.Int4, 4)]
    [TestCase(WeightFormat.Int8, WeightFormat.Stored, null)]
    [TestCase(WeightFormat.Int8, WeightFormat.BFloat16, null)]
    [TestCase(WeightFormat.BFloat16, WeightFormat.Int8, 8)]
    public void TheEncoderMayHaveAFormatOfItsOwn(WeightFormat format, WeightFormat? encoder, int? bits)
    {
        using var folder = new TemporaryFolder();
        CheckpointQuantizer.Write(ReferenceModels.Folder("real-shapes"), folder.Path, new QuantizeOptions { Format = format, Encoder = encoder });
        Kosmos2Config config = Kosmos2Config.Load(folder.Path);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        Assert.That(checkpoint.Validate(config), Is.Empty);
        foreach (string name in new[] { "vision_model.model.encoder.layers.0.mlp.fc1.weight", "image_to_text_projection.x_attn.k_proj.weight" })
        {
            using QuantizedMatrix? integers = checkpoint.GetQuantized(name, config);
            Assert.That(integers?.Bits, Is.EqualTo(bits), name);
            if (bits is null)
                Assert.That(checkpoint[name].DType, Is.EqualTo(encoder == WeightFormat.Stored ? DType.F16 : DType.BF16), name);
        }
        using QuantizedMatrix? text = checkpoint.GetQuantized(Fc1, config);
        Assert.That(text?.Bits, Is.EqualTo(format switch { WeightFormat.Int4 => 4, WeightFormat.Int8 => 8, _ => (int?)null }));
    }

    [Test]
    public void SearchedScalesHaveLessError([Values(WeightFormat.Int8, WeightFormat.Int4)] WeightFormat format)
    {
        using var searched = new TemporaryFolder();
        using var plain = new TemporaryFolder();
        string source = ReferenceModels.Folder("real-shapes");
        CheckpointQuantizer.Write(source, searched.Path, new QuantizeOptions { Format = format, FoldInputs = false });
        CheckpointQuantizer.Write(source, plain.Path, new QuantizeOptions { Format = format, SearchScales = false });
        using Checkpoint before = Checkpoint.Open(source), best = Checkpoint.Open(searched.Path), simple = Checkpoint.Open(plain.Path);
        Kosmos2Config config = Kosmos2Config.Load(searched.Path);
        Assert.That(RelativeError(before, best, config, Fc1), Is.LessThan(RelativeError(before, simple, config, Fc1) * (format == WeightFormat.Int4 ? 0.9 : 0.999)));
    }

    [Test]
    public void WhatRoundingTakesInTheMeanGoesIntoTheBias()
    {
        using var folder = new TemporaryFolder();
        string source = ReferenceModels.Folder("real-shapes");
        using Checkpoint before = Checkpoint.Open(source);
        // Those whose inputs nothing can fold.
        string[] layers = [.. before.Names.Where(n => n.EndsWith("mlp.fc2.weight", StringComparison.Ordinal)).Select(n => n[..^".weight".Length]),
            "image_to_text_projection.dense", "image_to_text_projection.x_attn.q_proj", "image_to_text_projection.x_attn.k_proj"];
        var inputs = layers.ToDictionary(n => $"{n}.weight", n => OutputErrors.Statistics(before[$"{n}.weight"].Shape.Width, 3));
        CheckpointQuantizer.Write(source, folder.Path, new QuantizeOptions { Format = WeightFormat.Int4, Inputs = inputs });
        using Checkpoint after = Checkpoint.Open(folder.Path);
        Kosmos2Config config = Kosmos2Config.Load(folder.Path);
        foreach (string layer in layers)
        {
            float[] weight = Floats.ToArray(before[$"{layer}.weight"]), bias = Floats.ToArray(before[$"{layer}.bias"]), shifted = Floats.ToArray(after[$"{layer}.bias"]);
            using QuantizedMatrix integers = after.GetQuantized($"{layer}.weight", config)!;
            var row = new float[integers.Shape.Width];
            for (int o = 0; o < bias.Length; o++)
            {
                integers.ReadRow(o, row);
                double lost = row.Select((q, i) => (weight[(o * row.Length) + i] - (double)q) * inputs[$"{layer}.weight"].Mean[i]).Sum();
                Assert.That(shifted[o], Is.EqualTo(bias[o] + lost).Within(1e-4).Or.EqualTo(bias[o] + lost).Within(0.1).Percent, $"{layer} {o}");
            }
        }
    }

    [Test]
    public void FormatsMayBeMixedAndModulesKept()
    {
        using var folder = new TemporaryFolder();
        var options = new QuantizeOptions { Format = WeightFormat.Int4, GroupSize = 64, Keep = ["re:vision_model", "text_model.model.layers.0.ffn.fc1"] };
        CheckpointQuantizer.Write(ReferenceModels.Folder("real-shapes"), folder.Path, options);
        Kosmos2Config config = Kosmos2Config.Load(folder.Path);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        Assert.That(checkpoint.Validate(config), Is.Empty);
        using QuantizedMatrix? embedding = checkpoint.GetQuantized("text_model.model.embed_tokens.weight", config);
        using QuantizedMatrix? fc2 = checkpoint.GetQuantized("text_model.model.layers.0.ffn.fc2.weight", config);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((embedding!.Bits, embedding.Groups), Is.EqualTo((8, 1)));
            Assert.That((fc2!.Bits, fc2.GroupSize), Is.EqualTo((4, 64)));
            Assert.That(checkpoint.GetQuantized(Fc1, config), Is.Null);
            Assert.That(checkpoint["vision_model.model.encoder.layers.0.mlp.fc1.weight"].DType, Is.EqualTo(DType.F16));
        }
        using Kosmos2Model model = Kosmos2Model.Load(folder.Path, new ReferenceBackend());
        Assert.That(model.Forward([new SequenceInput { TokenIds = [0, 5, 7], Cache = null }]).Logits, Has.None.NaN);
    }

    [Test]
    public void EmbeddingsMayStayAsTheyAre()
    {
        using var folder = new TemporaryFolder();
        string source = ReferenceModels.Folder("real-shapes");
        CheckpointQuantizer.Write(source, folder.Path, new QuantizeOptions { Format = WeightFormat.Int4, Embedding = WeightFormat.Stored });
        using Checkpoint before = Checkpoint.Open(source), after = Checkpoint.Open(folder.Path);
        const string Name = "text_model.model.embed_tokens.weight";
        Assert.That(after[Name].DType, Is.EqualTo(before[Name].DType));
        Assert.That(after[Name].AsSpan<ushort>().ToArray(), Is.EqualTo(before[Name].AsSpan<ushort>().ToArray()));
    }

    [Test]
    public void LoadingConvertsToTheSameNumbersAsWriting([Values(WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Int4)] WeightFormat format)
    {
        using var folder = new TemporaryFolder();
        string source = ReferenceModels.Folder("upstream-test");
        CheckpointQuantizer.Write(source, folder.Path, new QuantizeOptions { Format = format, FoldInputs = false });
        float[] written = Logits(folder.Path, WeightFormat.Stored), loaded = Logits(source, format), exact = Logits(source, WeightFormat.Stored);
        Assert.That(loaded, Is.EqualTo(written));
        Assert.That(loaded, Is.Not.EqualTo(exact));
    }

    [Test]
    public void AQuantizedCheckpointIsNotQuantizedAgain()
    {
        using var folder = new TemporaryFolder();
        using var again = new TemporaryFolder();
        CheckpointQuantizer.Write(ReferenceModels.Folder("single-layer"), folder.Path, new QuantizeOptions { Format = WeightFormat.Int8 });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => CheckpointQuantizer.Write(folder.Path, again.Path, new QuantizeOptions { Format = WeightFormat.Int4 }), Throws.TypeOf<ConfigurationException>());
            Assert.That(() => Logits(folder.Path, WeightFormat.Int4), Throws.TypeOf<ConfigurationException>());
            Assert.That(() => CheckpointQuantizer.Write(folder.Path, folder.Path, new QuantizeOptions { Format = WeightFormat.Int8 }), Throws.ArgumentException);
        }
    }

    [TestCase("weight_scale", "is missing; int4 in groups of 32 asks for F32 or F16 or BF16 [")]
    [TestCase("weight_packed", "is missing; int4 in groups of 32 asks for I32 [")]
    [TestCase("weight_shape", "is missing; int4 in groups of 32 asks for I64 or I32 [2]")]
    public void AMissingPartIsNamed(string part, string problem)
    {
        using var folder = new TemporaryFolder();
        CheckpointQuantizer.Write(ReferenceModels.Folder("upstream-test"), folder.Path, new QuantizeOptions { Format = WeightFormat.Int4 });
        string missing = Fc1.Replace("weight", part, StringComparison.Ordinal);
        Rewrite(folder, missing, null);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        Assert.That(() => checkpoint.Validate(Kosmos2Config.Load(folder.Path)), Throws.TypeOf<CheckpointException>().With.Message.Contains(missing).And.Message.Contains(problem));
    }

    [Test]
    public void AShapeThatSaysOtherwiseIsRefused()
    {
        using var folder = new TemporaryFolder();
        CheckpointQuantizer.Write(ReferenceModels.Folder("upstream-test"), folder.Path, new QuantizeOptions { Format = WeightFormat.Int4 });
        Rewrite(folder, Fc1.Replace("weight", "weight_shape", StringComparison.Ordinal), [4, 4]);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        Assert.That(() => checkpoint.Validate(Kosmos2Config.Load(folder.Path)), Throws.TypeOf<CheckpointException>().With.Message.Contains("says [4, 4]; the configuration asks for"));
    }

    // The file again without a tensor, or with other numbers in it.
    private static void Rewrite(TemporaryFolder folder, string name, long[]? values)
    {
        string path = folder.File("model.safetensors"), other = folder.File("other.safetensors");
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            SafetensorsEntry[] entries = [.. file.Entries.Where(e => e.Name != name || values is not null)];
            using var writer = new SafetensorsWriter(other, entries.Select(e => (e.Name, e.DType, e.Shape)));
            foreach (SafetensorsEntry entry in entries)
            {
                if (entry.Name == name)
                    writer.Write<long>(name, 0, values);
                else
                    writer.Write(entry.Name, file[entry.Name]);
            }
            writer.Complete();
        }
        File.Move(other, path, overwrite: true);
    }

    private static double RelativeError(Checkpoint before, Checkpoint after, Kosmos2Config config, string name)
    {
        float[] expected = Floats.ToArray(before[name]);
        using QuantizedMatrix? integers = after.GetQuantized(name, config);
        float[] actual = integers is null ? Floats.ToArray(after[name]) : new float[expected.Length];
        for (int row = 0; row < integers?.Shape.Rows; row++)
            integers.ReadRow(row, actual.AsSpan(row * integers.Shape.Width, integers.Shape.Width));
        double error = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            error += Math.Pow(expected[i] - (double)actual[i], 2);
            norm += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(error / norm);
    }

    private static float[] Logits(string folder, WeightFormat format)
    {
        using Kosmos2Model model = Kosmos2Model.Load(folder, new ReferenceBackend(), format: format);
        return model.Forward([new SequenceInput { TokenIds = [0, 5, 7, 9, 3], Cache = null }]).Logits;
    }
}
