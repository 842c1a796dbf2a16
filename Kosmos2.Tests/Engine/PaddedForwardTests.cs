using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;
using Kosmos2.Engine.Validation;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Forward passes with Hugging Face's arguments give Hugging Face's outputs, for the five reference models.</summary>
[TestFixtureSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))]
internal sealed class PaddedForwardTests(string name)
{
    private Kosmos2Model _model = null!;
    private GoldenFile _golden = null!;

    [OneTimeSetUp]
    public void Load()
    {
        _model = ReferenceModels.Load(name);
        _golden = GoldenFile.Open(Path.Combine(ReferenceModels.Folder(name), "golden.safetensors"));

        // The half-precision references were made with a table of positions in that precision.
        _model.Decoder.Positions.RoundTo(_model.WeightType);
    }

    [OneTimeTearDown]
    public void Free()
    {
        _golden.Dispose();
        _model.Dispose();
    }

    [Test]
    public void EverythingThatTheDocumentationListsIsGivenOnRequest()
    {
        using Kosmos2Output output = _model.Forward(Batch() with { OutputHiddenStates = true, OutputAttentions = true, Labels = _golden.Rows("batch.labels") });
        Equal("batch.logits", output.Logits, "batch", Vocabulary);
        Equal("batch.loss", [output.Loss!.Value]);
        Equal("projection.image_embeds", output.ImageEmbeds!.ToArray());
        Equal("vision.last_hidden_state", output.VisionModelOutput!.LastHiddenState);
        Equal("vision.pooler_output", output.VisionModelOutput.PoolerOutput);
        Equal("projection.attentions", output.ProjectionAttentions!);
        for (int i = 0; i < output.VisionModelOutput.HiddenStates!.Count; i++)
            Equal($"vision.hidden_states.{i}", output.VisionModelOutput.HiddenStates[i]);
        for (int i = 0; i < output.VisionModelOutput.Attentions!.Count; i++)
            Equal($"vision.attentions.{i}", output.VisionModelOutput.Attentions[i]);
        int layers = _model.Config.TextConfig.Layers, width = _model.Config.TextConfig.EmbedDim;
        Assert.That(output.HiddenStates, Has.Count.EqualTo(layers + 1));
        Assert.That(output.Attentions, Has.Count.EqualTo(layers));
        for (int i = 0; i <= layers; i++)
            Equal($"batch.hidden_states.{i}", output.HiddenStates[i], "batch", width);
        Equal($"batch.hidden_states.{layers}", output.LastHiddenState, "batch", width);
        Assert.That(output.PastKeyValues, Is.Null, "labels turn the cache off");
    }

    [TestCase("right_padded")]
    [TestCase("interleaved")]
    [TestCase("holes")]
    public void MasksOfAnyKindAreFollowed(string part)
    {
        if (IsLeftOut(part))
            return;
        bool firstImageOnly = part == "holes";
        using Kosmos2Output output = _model.Forward(new ForwardInputs
        {
            PixelValues = Pixels(firstImageOnly ? 1 : 2),
            InputIds = _golden.Rows($"{part}.input_ids"),
            AttentionMask = _golden.Has($"{part}.attention_mask") ? _golden.Rows($"{part}.attention_mask") : null,
            ImageEmbedsPositionMask = _golden.Rows($"{part}.image_embeds_position_mask"),
        });
        Equal($"{part}.logits", output.Logits, _golden.Has($"{part}.attention_mask") ? part : null, Vocabulary);
    }

    // The reference of the model with real shapes has one batch and no more; all others have every part.
    private bool IsLeftOut(string part)
    {
        bool isThere = _golden.HasPart($"{part}.");
        Assert.That(isThere, Is.EqualTo(name != "real-shapes"), $"{part} in the reference of {name}");
        return !isThere;
    }

    [Test]
    public void TextNeedsNoPicture()
    {
        using Kosmos2Output output = _model.Forward(new ForwardInputs { InputIds = _golden.Rows("text.input_ids") });
        Equal("text.logits", output.Logits);
        Assert.That(output.ImageEmbeds, Is.Null);
    }

    [Test]
    public void PicturesOfOtherSizesAreInterpolated()
    {
        if (IsLeftOut("interpolated"))
            return;
        Shape shape = _golden.ShapeOf("interpolated.pixel_values");
        ForwardInputs batch = Batch();
        ForwardInputs inputs = new()
        {
            PixelValues = new PixelValues(_golden.Floats("interpolated.pixel_values"), 1, (int)shape[2], (int)shape[3]),
            InputIds = [batch.InputIds![0]],
            ImageEmbedsPositionMask = [batch.ImageEmbedsPositionMask![0]],
            InterpolatePosEncoding = true,
            Logits = LogitRows.None,
        };
        using Kosmos2Output output = _model.Forward(inputs);
        Equal("interpolated.last_hidden_state", output.VisionModelOutput!.LastHiddenState);
        Equal("interpolated.image_embeds", output.ImageEmbeds!.ToArray());
        Equal("interpolated.text_last_hidden_state", output.LastHiddenState);
        Assert.That(output.Logits, Is.Empty);
        Assert.That(() => _model.Forward(inputs with { InterpolatePosEncoding = false }), Throws.ArgumentException.With.Message.Contains("Input image size"));
    }

    [Test]
    public void APaddedBatchContinuesAsItsRowsDoAlone()
    {
        int[] steps = _golden.Rows("cache.steps")[0];
        ForwardInputs batch = Batch();
        using Kosmos2Output prefill = _model.Forward(batch);
        PastKeyValues past = prefill.PastKeyValues!;
        Assert.That(past.Length, Is.EqualTo(batch.InputIds![0].Length));
        int[][] mask = batch.AttentionMask!;
        var first = new List<float>();
        var second = new List<float>();
        foreach (int step in steps)
        {
            mask = [.. mask.Select(row => (int[])[.. row, 1])];
            using Kosmos2Output next = _model.Forward(new ForwardInputs { InputIds = [[step], [step]], AttentionMask = mask, PastKeyValues = past });
            Assert.That(next.PastKeyValues, Is.SameAs(past));
            first.AddRange(next.Logits[..Vocabulary]);
            second.AddRange(next.Logits[Vocabulary..]);
        }
        Equal("cache.step_logits", [.. first]);

        // Hugging Face gives the padded row other positions here; alone and unpadded it gives what must come out. Equal up to rounding: the
        // pads take places in the cache, so sums over keys are cut elsewhere.
        int pads = batch.AttentionMask![1].Count(entry => entry == 0);
        using ImageEmbeddings picture = _model.UploadEmbeddings(prefill.ImageEmbeds!.ToArray().AsSpan(prefill.ImageEmbeds.Rows / 2 * prefill.ImageEmbeds.Width));
        using Kosmos2Output alone = _model.Forward(new ForwardInputs
        {
            InputIds = [[.. batch.InputIds[1][pads..], .. steps]],
            ImageEmbeds = picture,
            ImageEmbedsPositionMask = [[.. batch.ImageEmbedsPositionMask![1][pads..], .. steps.Select(_ => 0)]],
        });
        double[] expected = Array.ConvertAll(alone.Logits[^second.Count..], value => (double)value);
        Assert.That(StageResult.Compare("second row", [.. second], expected, Tolerance.Float32).Passed, Is.True);
    }

    [Test]
    public void APastIsReorderedCroppedAndLeftAloneWithoutCache()
    {
        ForwardInputs batch = Batch();
        int held = _model.Pool.InUse;
        using (Kosmos2Output prefill = _model.Forward(batch))
        {
            PastKeyValues past = prefill.PastKeyValues!;
            ForwardInputs next = new()
            {
                InputIds = [[9, 10], [11, 12]],
                PastKeyValues = past,
                UseCache = false,
                AttentionMask = [.. batch.AttentionMask!.Select(row => (int[])[.. row, 1, 1])],
            };
            using Kosmos2Output before = _model.Forward(next);
            Assert.That(past.Length, Is.EqualTo(batch.InputIds![0].Length), "use_cache false appends nothing");
            Assert.That(before.PastKeyValues, Is.Null);

            past.Reorder([1, 0]);
            using Kosmos2Output swapped = _model.Forward(next with { InputIds = [[11, 12], [9, 10]], UseCache = true, AttentionMask = [next.AttentionMask[1], next.AttentionMask[0]] });
            int half = before.Logits.Length / 2;
            Assert.That(swapped.Logits, Is.EqualTo((float[])[.. before.Logits[half..], .. before.Logits[..half]]));

            past.Crop(batch.InputIds[0].Length);
            past.Reorder([1, 0]);
            using Kosmos2Output again = _model.Forward(next);
            Assert.That(again.Logits, Is.EqualTo(before.Logits));
        }
        Assert.That(_model.Pool.InUse, Is.EqualTo(held), "an output frees what its call made");
    }

    [Test]
    public void EmbeddingsAndPositionsGivenByHandAreTheOnesByRule()
    {
        ForwardInputs batch = Batch();
        using Kosmos2Output byIds = _model.Forward(batch with { AttentionMask = null, OutputHiddenStates = true });

        // embed_tokens row by row, as Hugging Face's get_input_embeddings gives them
        int width = _model.Config.TextConfig.EmbedDim;
        float[] table = Floats.ToArray(_model.Checkpoint["text_model.model.embed_tokens.weight"]);
        float[][] embeds = [.. batch.InputIds!.Select(row => row.SelectMany(id => table[(id * width)..((id + 1) * width)]).ToArray())];
        int next = 0;
        int[][] positions = [.. batch.InputIds!.Select(row => { next = 1; return row.Select(id => id == 1 ? 1 : ++next).ToArray(); })];
        using Kosmos2Output byHand = _model.Forward(batch with { AttentionMask = null, InputIds = null, InputsEmbeds = embeds, PositionIds = positions });
        Assert.That(byHand.Logits, Is.EqualTo(byIds.Logits));

        // Without position_ids Hugging Face counts embeddings 2, 3, 4 ...
        int length = batch.InputIds![0].Length;
        int[] counted = [.. Enumerable.Range(2, length)];
        using Kosmos2Output byRule = _model.Forward(batch with { InputIds = null, InputsEmbeds = embeds });
        using Kosmos2Output byCount = _model.Forward(batch with { PositionIds = [counted, counted] });
        Assert.That(byRule.Logits, Is.EqualTo(byCount.Logits));
    }

    [Test]
    public void ArgumentsThatContradictEachOtherAreRefusedByName()
    {
        ForwardInputs batch = Batch();
        int[][] ids = batch.InputIds!;
        void Refused(string message, ForwardInputs inputs) => Assert.That(() => _model.Forward(inputs), Throws.ArgumentException.With.Message.Contains(message));

        Refused("input_ids or inputs_embeds", batch with { InputIds = null });
        Refused("input_ids or inputs_embeds", batch with { InputsEmbeds = [[]] });
        Refused("no rows", new ForwardInputs { InputIds = [] });
        Refused("no tokens", new ForwardInputs { InputIds = [[]] });
        Refused("row 1 of input_ids", batch with { InputIds = [ids[0], ids[1][1..]] });
        Refused("inputs_embeds has", new ForwardInputs { InputsEmbeds = [new float[_model.Config.TextConfig.EmbedDim], []] });
        Refused("attention_mask has 1 rows", batch with { AttentionMask = [batch.AttentionMask![0]] });
        Refused("places for 0 rows", batch with { PixelValues = null });
        Refused("marks 0 places", batch with { ImageEmbedsPositionMask = null });
        Refused("labels", batch with { Labels = [ids[0]] });
        Refused("neither a token", batch with { Labels = [[.. ids[0][1..], Vocabulary], ids[1]] });
        Refused("logits of all rows", batch with { Labels = ids, Logits = LogitRows.Last });

        using Kosmos2Output prefill = _model.Forward(batch);
        ForwardInputs next = new() { InputIds = [[9], [9]], PastKeyValues = prefill.PastKeyValues };
        Refused("past_key_values have 2 rows", next with { InputIds = [[9]] });
        Refused("row 0 of attention_mask has 1 entries", next with { AttentionMask = [[1], [1]] });
        int[] changed = [.. Enumerable.Repeat(0, ids[0].Length), 1];
        Refused("the past cannot change", next with { AttentionMask = [changed, changed] });
        Assert.That(() => prefill.PastKeyValues!.Reorder([2]), Throws.ArgumentException.With.Message.Contains("no row 2"));
    }

    private int Vocabulary => _model.Config.TextConfig.VocabSize;

    private PixelValues Pixels(int images)
    {
        Shape shape = _golden.ShapeOf("pixel_values");
        float[] values = _golden.Floats("pixel_values");
        return new PixelValues(values[..(values.Length / 2 * images)], images, (int)shape[2], (int)shape[3]);
    }

    private ForwardInputs Batch() => new()
    {
        PixelValues = Pixels(2),
        InputIds = _golden.Rows("batch.input_ids"),
        AttentionMask = _golden.Rows("batch.attention_mask"),
        ImageEmbedsPositionMask = _golden.Rows("batch.image_embeds_position_mask"),
    };

    /// <summary>Compares with a reference where there is one; with the part's mask only the rows that it defines.</summary>
    private void Equal(string stage, float[] actual, string? maskOf = null, int width = 1)
    {
        if (!_golden.Has(stage))
            return;
        int[]? mask = maskOf is null ? null : [.. _golden.Rows($"{maskOf}.attention_mask").SelectMany(row => row)];
        StageResult result = StageResult.Compare(
            stage, actual, _golden.Doubles(stage), _golden.ToleranceOf(stage), mask is null ? null : row => mask[row] != 0, width);
        Assert.That(result.Passed, Is.True, $"{result}");
    }
}
