using System.Text.Json;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Validation;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Weights;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Checkpoints that the compressed-tensors library wrote mean here what they mean there.</summary>
internal sealed class QuantizedGoldenTests
{
    private static readonly string[] Schemes = ["int4-group32", "int4-group32-zero-point", "int8-channel-dynamic"];

    [Test]
    public void WeightsAreDequantizedToTheSameBits([ValueSource(nameof(Schemes))] string scheme)
    {
        string folder = TestData.Shared("reference", "quantized", scheme);
        Kosmos2Config config = Kosmos2Config.Load(folder);
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        using GoldenFile golden = GoldenFile.Open(Path.Combine(folder, "golden.safetensors"));
        Assert.That(checkpoint.Validate(config), Is.Empty, "tensors that nobody knows");
        foreach (string name in new[] { "text_model.model.layers.0.ffn.fc1.weight", "vision_model.model.encoder.layers.1.self_attn.q_proj.weight" })
        {
            using QuantizedMatrix matrix = checkpoint.GetQuantized(name, config)!;
            float[] expected = golden.Floats($"dequantized.{name}");
            var row = new float[matrix.Shape.Width];
            for (int r = 0; r < matrix.Shape.Rows; r++)
            {
                matrix.ReadRow(r, row);
                Assert.That(row, Is.EqualTo(expected.AsSpan(r * row.Length, row.Length).ToArray()), $"{name} row {r}");
            }
        }
        Assert.That(checkpoint.GetQuantized("text_model.model.embed_tokens.weight", config), Is.Null, "no target of the configuration");
    }

    [TestCase("int4-group32", WeightFormat.Int4)]
    [TestCase("int8-channel-dynamic", WeightFormat.Int8)]
    public void WhatIsWrittenIsLaidOutAsTheLibraryDoes(string name, WeightFormat format)
    {
        // A model of the golden one's sizes, but that its floats are bfloat16.
        using var folder = new TemporaryFolder();
        CheckpointQuantizer.Write(TestData.File("models", "bf16"), folder.Path, new QuantizeOptions { Format = format, Encoder = format, Embedding = WeightFormat.Stored });
        string golden = TestData.Shared("reference", "quantized", name);
        using Checkpoint written = Checkpoint.Open(folder.Path), expected = Checkpoint.Open(golden);
        using JsonDocument config = Read(folder.Path), goldenConfig = Read(golden);
        JsonElement scheme = config.RootElement.GetProperty("quantization_config"), expectedScheme = goldenConfig.RootElement.GetProperty("quantization_config");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Layout(written), Is.EqualTo(Layout(expected)));
            Assert.That(JsonElement.DeepEquals(scheme, expectedScheme), $"{scheme}\n is not\n{expectedScheme}");
        }

        static JsonDocument Read(string path) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, "config.json")));
        static string[] Layout(Checkpoint checkpoint) =>
            [.. checkpoint.Names.Order(StringComparer.Ordinal).Select(n => $"{n} {(checkpoint[n].DType == DType.BF16 ? DType.F32 : checkpoint[n].DType)} {checkpoint[n].Shape}")];
    }

    [Test]
    public void EveryStageIsWithinTolerance([ValueSource(nameof(Schemes))] string scheme, [Values("cpu", "reference")] string device)
    {
        string folder = TestData.Shared("reference", "quantized", scheme);
        // The reference multiplies dequantized weights by exact activations.
        IBackend backend = device == "cpu" ? new CpuBackend(new CpuOptions { Threads = 1, Products = ProductPrecision.Exact }) : new ReferenceBackend();
        using Kosmos2Model model = Kosmos2Model.Load(folder, backend);
        using GoldenFile golden = GoldenFile.Open(Path.Combine(folder, "golden.safetensors"));
        List<StageResult> stages = new ModelGolden(model, golden).Run();
        Assert.That(stages.Where(s => !s.Passed), Is.Empty);
        Assert.That(stages.Select(s => s.Name), Is.EqualTo(new[] { "projection.image_embeds", "batch.logits", "text.logits" }));
    }
}
