using Kosmos2.Engine.Generation;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>
/// KOSMOS-2 on one device (Peng et al., 2023; Hugging Face's Kosmos2ForConditionalGeneration): vision encoder, perceiver resampler, decoder.
/// This is the layer for those who validate or build on tensors; Kosmos2Engine answers questions about pictures.
/// </summary>
/// <remarks>Not thread-safe: one call at a time. Caches and embeddings it makes must be disposed before it.</remarks>
public sealed class Kosmos2Model : IDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly WeightLoader _weights;
    private readonly VisionEncoder _vision;
    private readonly PerceiverResampler _resampler;
    private readonly RowBuffer _pixels;
    private readonly RowBuffer _encoded;

    /// <summary>Loads the weights. The model takes checkpoint and backend over.</summary>
    internal Kosmos2Model(
        Checkpoint checkpoint, Kosmos2Config config, GenerationConfig generation, IBackend backend, PanelFile? panels, int? maxCachedTokens, WeightFormat format, CacheFormat cacheFormat)
    {
        _checkpoint = checkpoint;
        Config = config;
        GenerationDefaults = generation;
        Backend = backend;
        int maxBlocks = maxCachedTokens is int tokens ? (int)(((long)tokens + KeyValueBlocks.BlockSize - 1) / KeyValueBlocks.BlockSize) : int.MaxValue;
        int heads = config.TextConfig.AttentionHeads;
        var blocks = new KeyValueBlocks(backend, config.TextConfig.Layers, heads, config.TextConfig.HeadDim, Math.Min(16, maxBlocks), cacheFormat);
        Pool = new BlockPool(blocks, backend, maxBlocks);
        _weights = new WeightLoader(backend, checkpoint, config, format, panels);
        _vision = new VisionEncoder(_weights, config.VisionConfig);
        _resampler = new PerceiverResampler(_weights, config);
        _pixels = new RowBuffer(backend, 1);
        _encoded = new RowBuffer(backend, config.TextConfig.EmbedDim);
        Decoder = new TextDecoder(_weights, config.TextConfig);
        Step = new StepWriter(Decoder.Positions, config.TextConfig.PadTokenId);
        Grammars = new GrammarOnDevice(backend, config.TextConfig.VocabSize);
    }

    /// <summary>The model's configuration.</summary>
    public Kosmos2Config Config { get; }

    /// <summary>The checkpoint's own generation settings (generation_config.json, and those inside text_config).</summary>
    public GenerationConfig GenerationDefaults { get; }

    /// <summary>The files the weights lie in.</summary>
    public Checkpoint Checkpoint => _checkpoint;

    /// <summary>The device the model runs on; disposed with the model.</summary>
    public IBackend Backend { get; }

    /// <summary>Why panels that lie beside the model (<see cref="ModelPanels"/>) are not used; null where they are, where none are wanted, and where there are none.</summary>
    public string? UnusedPanels { get; private init; }

    /// <summary>Bytes of the key/value cache that a token takes, all layers together.</summary>
    public long BytesPerCachedToken => Pool.Blocks.BytesPerSlot;

    /// <summary>Type of the decoder's largest weight, the embeddings.</summary>
    internal DType WeightType => Decoder.WeightType;

    /// <summary>The matrices by their names in the checkpoint.</summary>
    internal IReadOnlyDictionary<string, PreparedWeight> Weights => _weights.Matrices;

    internal TextDecoder Decoder { get; }

    internal StepWriter Step { get; }

    internal GrammarOnDevice Grammars { get; }

    internal BlockPool Pool { get; }

    /// <summary>Opens a model folder: config.json and model.safetensors, or shards with their index.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="backend">
    /// The device; the model takes it over and disposes it, also when loading fails. A <see cref="CpuBackend"/> that maps weights maps what <see cref="ModelPanels"/> wrote, if it is there.
    /// </param>
    /// <param name="maxCachedTokens">Budget of the key/value cache in tokens of all sequences together, at least 1; null for none.</param>
    /// <param name="format">What weights are brought to as they are loaded.</param>
    /// <param name="cacheFormat">How keys and values are stored.</param>
    /// <exception cref="ArgumentOutOfRangeException">The budget is below 1.</exception>
    /// <exception cref="FileNotFoundException">The folder, or config.json in it, is missing.</exception>
    /// <exception cref="Kernels.Gpu.DeviceMemoryException">The model needs more memory than the device has free; nothing has been sent there.</exception>
    /// <exception cref="Kosmos2FormatException">A file is missing or malformed, or a tensor is missing or has the wrong shape, or is quantized already.</exception>
    public static Kosmos2Model Load(
        string folder, IBackend backend, int? maxCachedTokens = null, WeightFormat format = WeightFormat.Stored, CacheFormat cacheFormat = CacheFormat.Float32)
    {
        ArgumentNullException.ThrowIfNull(backend);
        Kosmos2Config config;
        try
        {
            config = Kosmos2Config.Load(folder);
        }
        catch
        {
            backend.Dispose();
            throw;
        }
        return Load(folder, config, Task.FromResult(backend), maxCachedTokens, format, cacheFormat, backend is CpuBackend { Packs: false });
    }

    /// <summary>As the public method, with a configuration that has been read and a device that is still being opened while the weights are found.</summary>
    internal static Kosmos2Model Load(
        string folder, Kosmos2Config config, Task<IBackend> device, int? maxCachedTokens, WeightFormat format, CacheFormat cacheFormat, bool usesPanels)
    {
        Checkpoint? checkpoint = null;
        PanelFile? panels = null;
        try
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(maxCachedTokens ?? 1, 1, nameof(maxCachedTokens));
            GenerationConfig generation = GenerationConfig.OfCheckpoint(folder, config.TextConfig);
            checkpoint = Checkpoint.Open(folder);
            checkpoint.Validate(config);
            if (format != WeightFormat.Stored && config.QuantizationConfig is not null)
                throw new ConfigurationException(Path.Combine(folder, ModelFiles.Config), "quantization_config", $"is set: the weights are small integers already, and cannot become {format}");
            int pad = config.TextConfig.PadTokenId, pads = Math.Min(config.TextConfig.VocabSize, SinusoidalPositions.MaxCount);
            if (pad >= pads)
                throw new ConfigurationException(Path.Combine(folder, ModelFiles.Config), "text_config.pad_token_id", $"is {pad}; it must be below {pads}: a token of the vocabulary, behind which positions begin");
            IBackend backend = device.GetAwaiter().GetResult();
            if (backend.FreeBytes is long free)
                new ModelMemory(folder, config, generation, maxCachedTokens, cacheFormat).Require(format, free);
            string? unused = null;
            panels = usesPanels && format == WeightFormat.Stored && backend is CpuBackend cpu ? PanelFile.TryOpen(checkpoint, cpu, out unused) : null;
            return new Kosmos2Model(checkpoint, config, generation, backend, panels, maxCachedTokens, format, cacheFormat) { UnusedPanels = unused };
        }
        catch
        {
            panels?.Dispose();
            checkpoint?.Dispose();
            // Where both are wrong the device is what the caller hears of.
            device.GetAwaiter().GetResult().Dispose();
            throw;
        }
    }

    /// <summary>Runs the vision encoder and the resampler (Hugging Face's get_image_features).</summary>
    /// <param name="pixelValues">[images, channels, height, width], normalised by the image processor.</param>
    /// <param name="images">Number of images, at least 1.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="interpolatePositions">Whether a size other than the configured one is accepted (interpolate_pos_encoding).</param>
    /// <param name="sink">Receives hidden states and attentions, or null.</param>
    /// <returns>images * latent_query_num rows in the decoder's width.</returns>
    /// <exception cref="ArgumentException">The sizes do not fit each other or the model.</exception>
    public ImageEmbeddings EncodeImages(
        ReadOnlySpan<float> pixelValues, int images, int height, int width, bool interpolatePositions = false, IActivationSink? sink = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(images, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        int channels = Config.VisionConfig.NumChannels;
        if (pixelValues.Length != checked((long)images * channels * height * width))
            throw new ArgumentException($"[{images}, {channels}, {height}, {width}] pixel values are {(long)images * channels * height * width} numbers, not {pixelValues.Length}", nameof(pixelValues));
        Tensor pixels = _pixels[pixelValues.Length].Reshape(images, channels, height, width);
        Backend.Upload(pixelValues, pixels);
        Tensor h = _vision.Embed(pixels, interpolatePositions);
        Tensor encoded = _encoded[images * Config.LatentQueryNum];                   // (B * L, W)
        if (sink is not null || !Backend.TryRepeat(new StepSignature(this, h.Rows, images, encoded.Rows, IsEmbedded: true)))
        {
            do
            {
                _resampler.Forward(_vision.Forward(h, images, sink), images, encoded, sink);
            }
            while (!Backend.EndStep());
        }
        return Embeddings(encoded.Rows, encoded, (source, rows) =>
        {
            Backend.Copy(source, rows);
            Backend.Synchronize();
        });
    }

    /// <summary>Brings rows computed elsewhere to the device: image_embeds, or inputs_embeds (unscaled).</summary>
    /// <param name="rows">[n, embed_dim].</param>
    /// <exception cref="ArgumentException">The length is no multiple of embed_dim.</exception>
    public ImageEmbeddings UploadEmbeddings(ReadOnlySpan<float> rows)
    {
        int width = Config.TextConfig.EmbedDim;
        if (rows.IsEmpty || rows.Length % width != 0)
            throw new ArgumentException($"{rows.Length} numbers are no rows of {width}", nameof(rows));
        return Embeddings(rows.Length / width, rows, Backend.Upload);
    }

    /// <summary>An empty cache for one sequence.</summary>
    public KeyValueCache CreateCache() => new(Pool);

    /// <summary>One forward pass over the new tokens of several sequences (Hugging Face's forward, without padding).</summary>
    /// <param name="sequences">The sequences; no two may share a cache.</param>
    /// <param name="given">The rows that <see cref="SequenceInput.GivenRows"/> name, or null.</param>
    /// <param name="logits">Which rows get logits, of sequences that do not say so themselves.</param>
    /// <param name="sink">Receives hidden states and attentions, or null.</param>
    /// <exception cref="ArgumentException">A sequence is malformed, or longer than there are positions (65,536); nothing has been appended.</exception>
    /// <exception cref="KeyValueCacheFullException">The cache's budget is used up; nothing has been appended.</exception>
    public ForwardOutput Forward(
        IReadOnlyList<SequenceInput> sequences, ImageEmbeddings? given = null, LogitRows logits = LogitRows.All, IActivationSink? sink = null)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        SequenceCheck.All(sequences, Config, given);
        var caches = new KeyValueCache[sequences.Count];
        var lengths = new int[sequences.Count];
        try
        {
            int rows = 0, blocks = 0;
            var rowStarts = new int[caches.Length + 1];
            for (int i = 0; i < caches.Length; i++)
            {
                rowStarts[i + 1] = rowStarts[i] + sequences[i].LogitRangeOr(logits).GetOffsetAndLength(sequences[i].TokenIds.Length).Length;
                caches[i] = sequences[i].Cache ?? CreateCache();
                lengths[i] = caches[i].Length;
                caches[i].Reserve(sequences[i].TokenIds.Length);
                rows += sequences[i].TokenIds.Length;
                blocks += caches[i].Blocks.Count;
            }
            int outputs = rowStarts[^1];
            Step.Begin(rows, caches.Length, blocks, outputs);
            for (int i = 0; i < caches.Length; i++)
            {
                SequenceInput s = sequences[i];
                Step.Add(caches[i], s.TokenIds, s.GivenRows, s.AttentionMask, s.PositionIds, s.LogitRangeOr(logits));
            }
            Tensor result = Decoder.Forward(Step.Table, given?.Tensor, Pool.Blocks, sink);
            var values = new float[checked(outputs * Config.TextConfig.VocabSize)];
            if (outputs > 0)
                Backend.Download<float>(result, values);
            return new ForwardOutput(values, Config.TextConfig.VocabSize, rowStarts);
        }
        catch
        {
            for (int i = 0; i < caches.Length; i++)
                caches[i]?.Truncate(lengths[i]);
            throw;
        }
        finally
        {
            for (int i = 0; i < caches.Length; i++)
            {
                if (sequences[i].Cache is null)
                    caches[i]?.Dispose();
            }
        }
    }

    /// <summary>One forward pass over a padded batch, with Hugging Face's arguments and outputs.</summary>
    /// <param name="inputs">The arguments.</param>
    /// <exception cref="ArgumentException">The arguments contradict each other or the model; nothing has been appended to the past.</exception>
    /// <exception cref="KeyValueCacheFullException">The cache's budget is used up; nothing has been appended.</exception>
    public Kosmos2Output Forward(ForwardInputs inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return new PaddedForward(this, inputs).Run();
    }

    /// <summary>Continues prompts (Hugging Face's generate). All run as one batch, and each gets what it would get alone.</summary>
    /// <param name="prompts">
    /// The prompts. A prompt's cache, if it has one, is continued in a fork and stays as it is; several prompts may name the same one. The
    /// tokens it holds are the prompt's beginning: lengths, penalties and n-grams count them as if the prompt had been given whole.
    /// </param>
    /// <param name="given">The rows that <see cref="SequenceInput.GivenRows"/> name, or null.</param>
    /// <param name="config">Settings; what is not set there comes from <see cref="GenerationDefaults"/>.</param>
    /// <param name="hooks">The caller's own processors, criteria and progress.</param>
    /// <param name="decoder">Turns tokens into text for stop strings, or null.</param>
    /// <param name="cancellation">Looked at between steps; sequences then end as they are.</param>
    /// <exception cref="ArgumentException">A prompt is malformed, or a setting is out of range.</exception>
    public GenerationResult Generate(
        IReadOnlyList<SequenceInput> prompts, ImageEmbeddings? given, GenerationConfig? config = null, GenerationHooks? hooks = null,
        Func<int[], string>? decoder = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        GenerationConfig settings = config?.Over(GenerationDefaults) ?? GenerationDefaults;
        using DecodeSession session = StartSession(prompts, given);
        TokenDecoder? decode = decoder is null ? null : tokens => decoder(tokens.ToArray());
        return Generator.Generate(session, [.. prompts.Select(p => p.WholePrompt())], settings, hooks, decode, cancellation: cancellation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Pool.Dispose();
        Step.Dispose();
        Grammars.Dispose();
        Decoder.Dispose();
        _encoded.Dispose();
        _pixels.Dispose();
        _resampler.Dispose();
        _vision.Dispose();
        _weights.Dispose();
        Backend.Dispose();
        _checkpoint.Dispose();
    }

    /// <summary>Begins generation: one running sequence a prompt.</summary>
    internal DecodeSession StartSession(IReadOnlyList<SequenceInput> prompts, ImageEmbeddings? given)
    {
        SequenceCheck.Each(prompts, Config, given);
        var session = new DecodeSession(this);
        foreach (SequenceInput prompt in prompts)
            session.Join(prompt, given);
        return session;
    }

    // Rows that outlive the pass, filled from a source; given back when that fails.
    private ImageEmbeddings Embeddings<TSource>(int rows, TSource source, Action<TSource, Tensor> fill)
        where TSource : allows ref struct
    {
        var embeddings = new ImageEmbeddings(Backend, Backend.AllocateUnrecorded(DType.F32, rows, Config.TextConfig.EmbedDim));
        try
        {
            fill(source, embeddings.Tensor);
            return embeddings;
        }
        catch
        {
            embeddings.Dispose();
            throw;
        }
    }
}
