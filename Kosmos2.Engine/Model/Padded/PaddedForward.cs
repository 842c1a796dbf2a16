namespace Kosmos2.Engine.Model;

/// <summary>One forward pass over Hugging Face's padded inputs. Pads run like any other token: hidden from the others, but with a row of their own.</summary>
internal sealed class PaddedForward
{
    private readonly Kosmos2Model _model;
    private readonly ForwardInputs _inputs;
    private readonly int _batch;
    private readonly int _length;
    private readonly List<IDisposable> _owned = [];

    /// <summary>Checks the inputs' sizes.</summary>
    /// <exception cref="ArgumentException">They contradict each other.</exception>
    public PaddedForward(Kosmos2Model model, ForwardInputs inputs)
    {
        _model = model;
        _inputs = inputs;
        if (inputs.InputIds is null == inputs.InputsEmbeds is null)
            throw new ArgumentException("either input_ids or inputs_embeds are wanted, one of the two", nameof(inputs));
        if (inputs.PixelValues is not null && inputs.ImageEmbeds is not null)
            throw new ArgumentException("either pixel_values or image_embeds are wanted, not both", nameof(inputs));
        _batch = (inputs.InputIds?.Length ?? inputs.InputsEmbeds?.Length)!.Value;
        if (_batch == 0)
            throw new ArgumentException("the batch has no rows", nameof(inputs));
        int width = model.Config.TextConfig.EmbedDim;
        _length = inputs.InputIds?[0].Length ?? (inputs.InputsEmbeds![0].Length / width);
        if (_length == 0)
            throw new ArgumentException("the rows have no tokens", nameof(inputs));
        CheckRows(inputs.InputIds, _length, "input_ids");
        CheckRows(inputs.InputsEmbeds, _length * width, "inputs_embeds");
        CheckRows(inputs.ImageEmbedsPositionMask, _length, "image_embeds_position_mask");
        CheckRows(inputs.PositionIds, _length, "position_ids");
        CheckRows(inputs.Labels, _length, "labels");
        CheckRows(inputs.AttentionMask, (inputs.PastKeyValues?.Length ?? 0) + _length, "attention_mask");
        if (inputs.PastKeyValues is { } past && past.Batch != _batch)
            throw new ArgumentException($"past_key_values have {past.Batch} rows, the inputs {_batch}", nameof(inputs));
        CheckLabels();
    }

    private int Layers => _model.Config.TextConfig.Layers;

    private bool UseCache => _inputs.UseCache ?? (_inputs.Labels is null && _model.Config.TextConfig.UseCache);

    /// <summary>Runs the pass.</summary>
    public Kosmos2Output Run()
    {
        try
        {
            (ImageEmbeddings? images, VisionModelOutput? vision, float[]? projection) = Encode();
            CheckPlaces(images);
            PastKeyValues past = Past();
            var sink = new RecordingSink(name => name == $"text.hidden_states.{Layers}"
                || (_inputs.OutputHiddenStates && name.StartsWith("text.hidden_states.", StringComparison.Ordinal))
                || (_inputs.OutputAttentions && name.StartsWith("text.attentions.", StringComparison.Ordinal)));
            ForwardOutput output = RunDecoder(past, images, sink);
            if (!UseCache)
                past.Dispose();
            return new Kosmos2Output(_owned)
            {
                Loss = _inputs.Labels is null ? null : (float)CrossEntropy.Mean(output.Logits, _inputs.Labels, output.Vocabulary),
                Logits = output.Logits,
                LastHiddenState = sink.Values[$"text.hidden_states.{Layers}"],
                HiddenStates = _inputs.OutputHiddenStates ? Series(sink, "text.hidden_states", Layers + 1) : null,
                Attentions = _inputs.OutputAttentions ? Series(sink, "text.attentions", Layers) : null,
                PastKeyValues = UseCache ? past : null,
                ImageEmbeds = images,
                ProjectionAttentions = projection,
                VisionModelOutput = vision,
            };
        }
        catch
        {
            foreach (IDisposable owned in _owned)
                owned.Dispose();
            throw;
        }
    }

    private (ImageEmbeddings? Images, VisionModelOutput? Vision, float[]? Projection) Encode()
    {
        if (_inputs.PixelValues is not { } pixels)
            return (_inputs.ImageEmbeds, null, null);
        int layers = _model.Config.VisionConfig.NumHiddenLayers;
        var sink = new RecordingSink(name => name == $"vision.hidden_states.{layers}" || name == "vision.post_layernorm"
            || (_inputs.OutputHiddenStates && name.StartsWith("vision.hidden_states.", StringComparison.Ordinal))
            || (_inputs.OutputAttentions && name.Contains(".attentions", StringComparison.Ordinal)));
        ImageEmbeddings images = _model.EncodeImages(pixels.Values, pixels.Images, pixels.Height, pixels.Width, _inputs.InterpolatePosEncoding, sink);
        _owned.Add(images);
        var vision = new VisionModelOutput(
            sink.Values[$"vision.hidden_states.{layers}"],
            ClassTokens(sink.Values["vision.post_layernorm"], pixels.Images),
            _inputs.OutputHiddenStates ? Series(sink, "vision.hidden_states", layers + 1) : null,
            _inputs.OutputAttentions ? Series(sink, "vision.attentions", layers) : null);
        return (images, vision, sink.Values.GetValueOrDefault("projection.attentions"));
    }

    /// <summary>The first row of each image: [images, D] of [images, N, D].</summary>
    private float[] ClassTokens(float[] features, int images)
    {
        int width = _model.Config.VisionConfig.HiddenSize, stride = features.Length / images;
        return [.. Enumerable.Range(0, images).SelectMany(b => features[(b * stride)..((b * stride) + width)])];
    }

    /// <summary>What the new tokens are appended to: the caller's past, a fork that ends with this call, or a new one.</summary>
    private PastKeyValues Past()
    {
        if (UseCache && _inputs.PastKeyValues is { } given)
            return given;
        PastKeyValues past = _inputs.PastKeyValues?.Fork() ?? new PastKeyValues(Enumerable.Range(0, _batch).Select(_ => _model.CreateCache()));
        _owned.Add(past);
        return past;
    }

    private ForwardOutput RunDecoder(PastKeyValues past, ImageEmbeddings? images, IActivationSink sink)
    {
        bool[][]? visible = _inputs.AttentionMask?.Select((mask, b) => past.NewPart(b, mask, _length)).ToArray();
        using ImageEmbeddings? joined = JoinGivenRows(images);
        int firstImageRow = _inputs.InputsEmbeds is null ? 0 : _batch * _length;
        SequenceInput[] sequences = new SequenceInput[_batch];
        int nextImageRow = firstImageRow;
        for (int b = 0; b < _batch; b++)
        {
            sequences[b] = new SequenceInput
            {
                TokenIds = _inputs.InputIds?[b] ?? Enumerable.Repeat(AnyTokenButPad, _length).ToArray(),
                GivenRows = GivenRows(b, ref nextImageRow),
                AttentionMask = visible?[b],
                PositionIds = _inputs.PositionIds?[b],
                Cache = past.Caches[b],
            };
        }
        ForwardOutput output = _model.Forward(sequences, joined ?? images, _inputs.Logits, sink);
        for (int b = 0; b < _batch; b++)
            past.Appended(b, visible?[b] ?? Enumerable.Repeat(true, _length).ToArray());
        return output;
    }

    // Where embeddings are given, ids only count for positions: one after the other.
    private int AnyTokenButPad => _model.Config.TextConfig.PadTokenId == 0 ? 1 : 0;

    private int[]? GivenRows(int b, ref int nextImageRow)
    {
        if (_inputs.InputsEmbeds is null && _inputs.ImageEmbedsPositionMask is null)
            return null;
        int[] given = new int[_length];
        for (int t = 0; t < _length; t++)
        {
            bool image = _inputs.ImageEmbedsPositionMask is { } mask && mask[b][t] != 0;
            given[t] = image ? nextImageRow++ : _inputs.InputsEmbeds is null ? -1 : (b * _length) + t;
        }
        return given;
    }

    /// <summary>The inputs_embeds followed by the images' rows, on the device; null where there are no inputs_embeds.</summary>
    private ImageEmbeddings? JoinGivenRows(ImageEmbeddings? images)
    {
        if (_inputs.InputsEmbeds is not { } embeds)
            return null;
        float[] text = [.. embeds.SelectMany(row => row)];
        return _model.UploadEmbeddings(images is null ? text : [.. text, .. images.ToArray()]);
    }

    private void CheckPlaces(ImageEmbeddings? images)
    {
        int places = _inputs.ImageEmbedsPositionMask?.Sum(row => row.Count(entry => entry != 0)) ?? 0;

        // Hugging Face drops pictures that come with a past; here they are only dropped when no place is named for them.
        if (_inputs.ImageEmbedsPositionMask is null && _inputs.PastKeyValues is { Length: > 0 })
            return;
        if (places != (images?.Rows ?? 0))
            throw new ArgumentException($"image_embeds_position_mask marks {places} places for {images?.Rows ?? 0} rows of image embeddings");
    }

    private void CheckLabels()
    {
        if (_inputs.Labels is null)
            return;
        if (_inputs.Logits != LogitRows.All)
            throw new ArgumentException("a loss needs the logits of all rows");
        int vocabulary = _model.Config.TextConfig.VocabSize;
        foreach (int label in _inputs.Labels.SelectMany(row => row))
        {
            if (label != CrossEntropy.Ignore && (uint)label >= (uint)vocabulary)
                throw new ArgumentException($"label {label} is neither a token, 0 to {vocabulary - 1}, nor {CrossEntropy.Ignore}");
        }
    }

    private void CheckRows<T>(T[][]? rows, int length, string name)
    {
        if (rows is null)
            return;
        if (rows.Length != _batch)
            throw new ArgumentException($"{name} has {rows.Length} rows, the batch {_batch}");
        for (int b = 0; b < _batch; b++)
        {
            if (rows[b].Length != length)
                throw new ArgumentException($"row {b} of {name} has {rows[b].Length} entries, not {length}");
        }
    }

    private static float[][] Series(RecordingSink sink, string part, int count) =>
        [.. Enumerable.Range(0, count).Select(i => sink.Values[$"{part}.{i}"])];
}
