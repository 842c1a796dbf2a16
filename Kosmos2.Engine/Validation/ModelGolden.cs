using Kosmos2.Engine.Model;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// Compares a model with the outputs of every stage, as tools/reference/golden_models.py writes them: the vision tower, the resampler, padded
/// batches, text alone, interleaved images, the key/value cache step by step, interpolated positions, masks with holes. Only the stages that are
/// present are compared.
/// </summary>
internal sealed class ModelGolden(Kosmos2Model model, GoldenFile golden)
{
    private readonly List<StageResult> _stages = [];

    public List<StageResult> Run()
    {
        using ImageEmbeddings images = Vision();
        if (golden.Has("batch.hidden_states.0"))
            MatchPositionPrecision(images);
        if (golden.HasPart("batch."))
            Batch(images);
        if (golden.HasPart("right_padded."))
            Compare("right_padded.logits", PaddedLogits("right_padded", images), DefinedRows("right_padded"), Vocabulary);
        if (golden.HasPart("text."))
            Compare("text.logits", PaddedLogits("text", null));
        if (golden.HasPart("interleaved."))
            Compare("interleaved.logits", PaddedLogits("interleaved", images));
        if (golden.HasPart("cache."))
            CacheSteps(images);
        if (golden.HasPart("interpolated."))
            Interpolated();
        if (golden.HasPart("holes."))
            Compare("holes.logits", PaddedLogits("holes", images));
        return _stages;
    }

    private int Vocabulary => model.Config.TextConfig.VocabSize;

    private ImageEmbeddings Vision()
    {
        var sink = new RecordingSink(name => golden.Has(name) || name == "vision.post_layernorm");
        (float[] pixels, int count, int height, int width) = Pixels("pixel_values");
        ImageEmbeddings images = model.EncodeImages(pixels, count, height, width, sink: sink);
        int layers = model.Config.VisionConfig.NumHiddenLayers;
        for (int i = 0; i <= layers; i++)
        {
            CompareIfPresent($"vision.hidden_states.{i}", sink.Values);
            CompareIfPresent($"vision.attentions.{i}", sink.Values);
        }
        if (golden.Has("vision.last_hidden_state"))
            Compare("vision.last_hidden_state", sink.Values[$"vision.hidden_states.{layers}"]);
        if (golden.Has("vision.pooler_output"))
            Compare("vision.pooler_output", ClassTokenRows(sink.Values["vision.post_layernorm"], count));
        CompareIfPresent("vision.normalised_features", sink.Values);
        CompareIfPresent("projection.attentions", sink.Values);
        if (golden.Has("projection.image_embeds"))
            Compare("projection.image_embeds", images.ToArray());
        return images;
    }

    // A reference whose model was once held in half precision has positions of that precision; its embeddings show it.
    private void MatchPositionPrecision(ImageEmbeddings images)
    {
        DType stored = model.WeightType.IsFloatingPoint() ? model.WeightType : DType.F32;
        foreach (DType type in stored == DType.F32 ? [DType.F32] : new[] { DType.F32, stored })
        {
            model.Decoder.Positions.RoundTo(type);
            using Kosmos2Output output = model.Forward(BatchInputs(images) with { Logits = LogitRows.None, OutputHiddenStates = true });
            double[] reference = golden.Doubles("batch.hidden_states.0");
            if (StageResult.Compare("", output.HiddenStates![0], reference, Tolerance.Float32, DefinedRows("batch"), model.Config.TextConfig.EmbedDim).Passed)
                return;
        }
    }

    // Every stage with the pads left in, as Hugging Face runs them; then the logits again without them.
    private void Batch(ImageEmbeddings images)
    {
        using Kosmos2Output padded = model.Forward(BatchInputs(images) with
        {
            Labels = RowsIfPresent("batch.labels"),
            OutputHiddenStates = golden.HasPart("batch.hidden_states."),
            OutputAttentions = golden.HasPart("batch.attentions."),
        });
        Func<int, bool> defined = DefinedRows("batch");
        int length = checked((int)golden.ShapeOf("batch.input_ids")[1]), heads = model.Config.TextConfig.AttentionHeads;
        for (int i = 0; i < padded.HiddenStates?.Count; i++)
            CompareIfPresent($"batch.hidden_states.{i}", padded.HiddenStates[i], defined, model.Config.TextConfig.EmbedDim);
        for (int i = 0; i < padded.Attentions?.Count; i++)
            CompareIfPresent($"batch.attentions.{i}", padded.Attentions[i], row => defined((row / (heads * length) * length) + (row % length)), length);
        Compare("batch.logits", PaddedLogits("batch", images), defined, Vocabulary);
        if (padded.Loss is { } loss)
            CompareIfPresent("batch.loss", [loss]);
    }

    private ForwardInputs BatchInputs(ImageEmbeddings images) => new()
    {
        InputIds = golden.Rows("batch.input_ids"),
        AttentionMask = golden.Rows("batch.attention_mask"),
        ImageEmbedsPositionMask = golden.Rows("batch.image_embeds_position_mask"),
        ImageEmbeds = images,
        UseCache = false,
    };

    private void CacheSteps(ImageEmbeddings images)
    {
        (SequenceInput prompt, _) = Sequences("batch")[0];
        using KeyValueCache cache = model.CreateCache();
        SequenceInput first = new() { TokenIds = prompt.TokenIds, GivenRows = prompt.GivenRows, Cache = cache };
        Compare("cache.prefill_logits", model.Forward([first], images).Logits);
        var steps = new List<float>();
        foreach (int token in golden.Rows("cache.steps")[0])
            steps.AddRange(model.Forward([new SequenceInput { TokenIds = [token], Cache = cache }]).Logits);
        Compare("cache.step_logits", steps.ToArray());
        Compare("cache.layer0.key", cache.CopyKeys(0));
        Compare("cache.layer0.value", cache.CopyValues(0));
    }

    private void Interpolated()
    {
        int layers = model.Config.VisionConfig.NumHiddenLayers, textLayers = model.Config.TextConfig.Layers;
        var sink = new RecordingSink(name => name == $"vision.hidden_states.{layers}" || name == $"text.hidden_states.{textLayers}");
        (float[] pixels, int count, int height, int width) = Pixels("interpolated.pixel_values");
        using ImageEmbeddings images = model.EncodeImages(pixels, count, height, width, interpolatePositions: true, sink);
        Compare("interpolated.last_hidden_state", sink.Values[$"vision.hidden_states.{layers}"]);
        Compare("interpolated.image_embeds", images.ToArray());
        (SequenceInput prompt, _) = Sequences("batch")[0];
        model.Forward([prompt], images, LogitRows.None, sink);
        Compare("interpolated.text_last_hidden_state", sink.Values[$"text.hidden_states.{textLayers}"]);
    }

    private IReadOnlyList<(SequenceInput Sequence, int FirstColumn)> Sequences(string part) => PaddedBatch.ToSequences(
        golden.Rows($"{part}.input_ids"), RowsIfPresent($"{part}.attention_mask"), RowsIfPresent($"{part}.image_embeds_position_mask"),
        model.Config.TextConfig.PadTokenId);

    // Logits laid out as the padded reference, zero where the engine ran no row.
    private float[] PaddedLogits(string part, ImageEmbeddings? images)
    {
        IReadOnlyList<(SequenceInput Sequence, int FirstColumn)> sequences = Sequences(part);
        ForwardOutput output = model.Forward([.. sequences.Select(s => s.Sequence)], images);
        int length = checked((int)golden.ShapeOf($"{part}.input_ids")[1]);
        var padded = new float[sequences.Count * length * Vocabulary];
        for (int b = 0; b < sequences.Count; b++)
        {
            ReadOnlySpan<float> rows = output.Logits.AsSpan((output.RowStarts[b] * Vocabulary)..(output.RowStarts[b + 1] * Vocabulary));
            rows.CopyTo(padded.AsSpan(((b * length) + sequences[b].FirstColumn) * Vocabulary));
        }
        return padded;
    }

    // Rows of pads inside a padded batch are undefined.
    private Func<int, bool> DefinedRows(string part)
    {
        int[] mask = [.. golden.Rows($"{part}.attention_mask").SelectMany(row => row)];
        return row => mask[row] != 0;
    }

    private int[][]? RowsIfPresent(string name) => golden.Has(name) ? golden.Rows(name) : null;

    private (float[] Values, int Count, int Height, int Width) Pixels(string name)
    {
        Shape shape = golden.ShapeOf(name);
        return (golden.Floats(name), checked((int)shape[0]), checked((int)shape[2]), checked((int)shape[3]));
    }

    private float[] ClassTokenRows(float[] features, int images)
    {
        int width = model.Config.VisionConfig.HiddenSize, stride = features.Length / images;
        return [.. Enumerable.Range(0, images).SelectMany(b => features[(b * stride)..((b * stride) + width)])];
    }

    private void CompareIfPresent(string name, Dictionary<string, float[]> values)
    {
        if (values.TryGetValue(name, out float[]? actual))
            CompareIfPresent(name, actual);
    }

    private void CompareIfPresent(string name, ReadOnlySpan<float> actual, Func<int, bool>? rowCompared = null, int width = 1)
    {
        if (golden.Has(name))
            Compare(name, actual, rowCompared, width);
    }

    private void Compare(string name, ReadOnlySpan<float> actual, Func<int, bool>? rowCompared = null, int width = 1) =>
        _stages.Add(StageResult.Compare(name, actual, golden.Doubles(name), golden.ToleranceOf(name), rowCompared, width));
}
