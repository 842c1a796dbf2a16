using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// Compares the full-size synthetic checkpoint (tools/reference/full_size.py; <see cref="SyntheticCheckpoint"/>) with the outputs of the real implementation:
/// some rows of hidden states, the image embeddings, the last row's logits, and a greedy continuation. Where the file also has float64
/// results, the largest error against them may be four times torch's own in float32.
/// </summary>
internal sealed class FullSizeGolden(Kosmos2Model model, GoldenFile golden)
{
    // Largest error of torch float32 against the float64 results, from the reference's description.
    private const double TorchErrorOfEmbeddings = 4.6e-8;
    private const double TorchErrorOfLogits = 1.5e-6;

    private static readonly int[] VisionRows = [0, 100, 256];

    private readonly List<StageResult> _stages = [];

    public ValidationReport Run()
    {
        var sink = new RecordingSink(name => golden.Has($"{name}.rows_0_100_256") || golden.Has($"{name}.last_row"));
        int side = model.Config.VisionConfig.ImageSize;
        using Tensor pixels = SyntheticCheckpoint.CreateTensor("pixel_values", 1, model.Config.VisionConfig.NumChannels, side, side);
        using ImageEmbeddings image = model.EncodeImages(pixels.AsSpan<float>(), 1, side, side, sink: sink);
        for (int i = 0; i <= model.Config.VisionConfig.NumHiddenLayers; i++)
        {
            if (sink.Values.TryGetValue($"vision.hidden_states.{i}", out float[]? rows))
                Compare($"vision.hidden_states.{i}.rows_0_100_256", VisionRows.SelectMany(row => RowOf(rows, row, model.Config.VisionConfig.HiddenSize)).ToArray());
        }
        Compare("image_embeds", image.ToArray());
        Compare("image_embeds.float64", image.ToArray(), new Tolerance(4 * TorchErrorOfEmbeddings, 0));

        int[] ids = golden.Rows("input_ids")[0];
        SequenceInput prompt = PaddedBatch.ToSequences([ids], null, golden.Rows("image_embeds_position_mask"), model.Config.TextConfig.PadTokenId)[0].Sequence;
        float[] logits = model.Forward([prompt], image, LogitRows.Last, sink).Logits;
        for (int i = 0; i <= model.Config.TextConfig.Layers; i++)
        {
            if (sink.Values.TryGetValue($"text.hidden_states.{i}", out float[]? rows))
                Compare($"text.hidden_states.{i}.last_row", RowOf(rows, ids.Length - 1, model.Config.TextConfig.EmbedDim));
        }
        Compare("logits.last_row", logits);
        Compare("logits.last_row.float64", logits, new Tolerance(4 * TorchErrorOfLogits, 0));
        return new ValidationReport(_stages, [TopTokens(logits), Greedy(prompt, image)]);
    }

    private static float[] RowOf(float[] values, int row, int width) => values[(row * width)..((row + 1) * width)];

    private CaseResult TopTokens(float[] logits)
    {
        int[] expected = golden.Rows("logits.row_70_top")[0];
        int[] actual = [.. Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).Take(expected.Length)];
        return TokenComparison.Compare("twenty likeliest tokens", actual, expected);
    }

    private CaseResult Greedy(SequenceInput prompt, ImageEmbeddings image)
    {
        int[] expected = golden.Rows("generated")[0];
        float[] leads = golden.Floats("generated.margins");
        var config = new GenerationConfig { MaxNewTokens = expected.Length, NoRepeatNgramSize = 3, EosTokenId = [2], PadTokenId = 1 };
        int[] actual = [.. model.Generate([prompt], image, config).Sequences[0].Tokens];
        return TokenComparison.Compare("greedy, no_repeat_ngram_size 3", actual, expected, leads.Min());
    }

    private void Compare(string name, ReadOnlySpan<float> actual, Tolerance? tolerance = null)
    {
        if (golden.Has(name))
            _stages.Add(StageResult.Compare(name, actual, golden.Doubles(name), tolerance ?? golden.ToleranceOf(name)));
    }
}
