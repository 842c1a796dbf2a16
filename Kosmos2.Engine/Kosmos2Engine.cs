using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine;

/// <summary>
/// Answers about pictures, with boxes: a model folder's processor and model on one device. This is the class to embed; see
/// <see cref="Kosmos2Model"/> for the layer of tensors below it.
/// </summary>
/// <remarks>
/// Any number of threads may call; calls take turns, and one that is cancelled while it waits ends at once. A picture is encoded once and read by the decoder
/// once, however many prompts show it, in one call or in several (<see cref="EngineOptions"/> says how much is kept). Answers do not depend on what is kept or on what else runs: on the CPU to the bit, on GPUs up to rounding.
/// A GPU that fails makes whichever call notices throw <see cref="Kernels.Gpu.DeviceLostException"/>, and all that follow: dispose the engine and load another.
/// </remarks>
public sealed partial class Kosmos2Engine : IDisposable
{
    private readonly CallersTurn _turn = new();
    private readonly Lazy<GroundingGrammar?> _grammar;

    private Kosmos2Engine(Kosmos2Model model, Kosmos2Processor processor, EngineOptions options)
    {
        Model = model;
        Processor = processor;
        EmbeddingFiles? files = options.ImageCacheFolder is { } folder ? new EmbeddingFiles(folder, model, $"{options.WeightFormat} {options.Products}") : null;
        Pictures = new EncodedPictures(model, options.ImageCacheBytes, files);
        Prefixes = new PrefixStore(options.PrefixCacheTokens);
        model.Pool.Reclaim = Prefixes.DropOldest;
        _grammar = new Lazy<GroundingGrammar?>(MakeGrammar);
    }

    /// <summary>The grammar of the model's grounded answers; null if it has no tokenizer.</summary>
    internal GroundingGrammar? Grammar => _grammar.Value;

    /// <summary>The model's configuration.</summary>
    public Kosmos2Config Config => Model.Config;

    /// <summary>The layer of tensors.</summary>
    public Kosmos2Model Model { get; }

    /// <summary>Text, boxes and pictures to tokens and pixels, and back.</summary>
    public Kosmos2Processor Processor { get; }

    /// <summary>Encoded pictures.</summary>
    internal EncodedPictures Pictures { get; }

    /// <summary>Beginnings of prompts.</summary>
    internal PrefixStore Prefixes { get; }

    /// <summary>Opens a model folder. Weight files are mapped; only their headers are read.</summary>
    /// <param name="folder">config.json, model.safetensors or shards, a tokenizer, and processor settings as far as there are any.</param>
    /// <param name="options">Device and limits; null for the defaults.</param>
    /// <exception cref="FileNotFoundException">The folder, or config.json in it, is missing.</exception>
    /// <exception cref="Kosmos2FormatException">Another file is missing, one is malformed, or the processor's belong to another model; the message says which, where, and what was expected.</exception>
    /// <exception cref="ArgumentException">The options name no known device, or have a budget out of range.</exception>
    /// <exception cref="IOException">The folder for encoded pictures cannot be made.</exception>
    /// <exception cref="Kernels.Gpu.DeviceUnavailableException">There is no such device, or it cannot be used.</exception>
    /// <exception cref="Kernels.Gpu.DeviceMemoryException">The model needs more memory than the device has free; nothing has been sent there.</exception>
    public static Kosmos2Engine Load(string folder, EngineOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new EngineOptions();
        options.CheckBudgets();
        // Beside each other: the vocabulary is read, the device opened, which assembles its kernels, and the weights found.
        Task<Kosmos2Processor> reading = Task.Run(() => Kosmos2Processor.Load(folder));
        Kosmos2Config config = Kosmos2Config.Load(folder);
        Task<IBackend> device = Task.Run(() => Backends.Create(options.Device, options.ForCpu(folder, config), options.ForGpu(config)));
        return Load(folder, config, device, reading, options);
    }

    /// <summary>Opens a model folder on a device, which the engine takes over, also when opening fails.</summary>
    internal static Kosmos2Engine Load(string folder, Kosmos2Config config, IBackend backend, EngineOptions options) =>
        Load(folder, config, Task.FromResult(backend), Task.Run(() => Kosmos2Processor.Load(folder)), options);

    // A folder whose vocabulary and weights are both wrong is refused for its vocabulary.
    private static Kosmos2Engine Load(string folder, Kosmos2Config config, Task<IBackend> device, Task<Kosmos2Processor> reading, EngineOptions options)
    {
        Kosmos2Model model;
        try
        {
            model = Kosmos2Model.Load(folder, config, device, options.MaxCachedTokens, options.WeightFormat, options.CacheFormat, usesPanels: options.Weights != WeightResidency.Packed);
        }
        catch
        {
            reading.GetAwaiter().GetResult();
            throw;
        }
        try
        {
            Kosmos2Processor processor = reading.GetAwaiter().GetResult();
            ProcessorFit.Require(folder, processor, config);
            return new Kosmos2Engine(model, processor, options);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Answers a prompt as it is, tags included.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="prompt">As in <c>&lt;grounding&gt; An image of</c>. It may hold any tag: what a user typed goes into a <see cref="Prompt"/> instead.</param>
    /// <param name="config">Settings; what is not set comes from the checkpoint.</param>
    /// <param name="progress">Told on the calling thread how far the answer has come, or null.</param>
    /// <param name="cancellation">Ends the answer between two tokens; what there is by then is returned.</param>
    /// <exception cref="ArgumentException">The prompt or a setting is unusable.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled before the prompt was read.</exception>
    public GroundedAnswer Generate(
        RgbImage image, string prompt, GenerationConfig? config = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(prompt);
        return Generate([new ProcessorInput { Text = prompt, Image = image }], config, progress, cancellation)[0];
    }

    /// <summary>Answers several inputs as one batch; each gets the answer it would get alone.</summary>
    /// <param name="inputs">Pictures, prompts, and boxes for the prompts' phrases; a prompt may do without a picture.</param>
    /// <param name="config">Settings; what is not set comes from the checkpoint.</param>
    /// <param name="progress">Told on the calling thread how far the first answer has come, or null.</param>
    /// <param name="cancellation">Ends the answers between two tokens; what there is by then is returned.</param>
    /// <returns>The answers to the first input (<c>num_return_sequences</c> of them, best first), then those to the second, and so on.</returns>
    /// <exception cref="ArgumentException">An input is null, or it or a setting is unusable.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled before the prompts were read.</exception>
    public IReadOnlyList<GroundedAnswer> Generate(
        IReadOnlyList<ProcessorInput> inputs, GenerationConfig? config = null, IProgress<GenerationProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        Elements.ThrowIfNull(inputs);
        return Answer(inputs.Count, (preparer, i) => preparer.Prepare(inputs[i]), config, progress, cancellation);
    }

    /// <summary>Answers a prompt about a picture.</summary>
    /// <param name="image">The picture, which stands before the prompt.</param>
    /// <param name="prompt">One of <see cref="Prompts"/>, or the caller's own.</param>
    /// <param name="config">Settings; what is not set comes from the checkpoint.</param>
    /// <param name="progress">Told on the calling thread how far the answer has come, or null.</param>
    /// <param name="cancellation">Ends the answer between two tokens; what there is by then is returned.</param>
    /// <exception cref="ArgumentException">A box leaves the picture, or a setting is unusable.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled before the prompt was read.</exception>
    public GroundedAnswer Generate(
        RgbImage image, Prompt prompt, GenerationConfig? config = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default) =>
        Generate([Show(image, prompt)], config, progress, cancellation)[0];

    /// <summary>Answers several prompts as one batch; each gets the answer it would get alone, and what they have in common is computed once.</summary>
    /// <param name="prompts">Prompts with their pictures in them (<see cref="Prompt.Image"/>): none, one at the beginning, or several between texts.</param>
    /// <param name="config">Settings; what is not set comes from the checkpoint.</param>
    /// <param name="progress">Told on the calling thread how far the first answer has come, or null.</param>
    /// <param name="cancellation">Ends the answers between two tokens; what there is by then is returned.</param>
    /// <returns>As for inputs in Hugging Face's form.</returns>
    /// <exception cref="ArgumentException">A box leaves the picture, a prompt is null or empty, or a setting is unusable.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled before the prompts were read.</exception>
    public IReadOnlyList<GroundedAnswer> Generate(
        IReadOnlyList<Prompt> prompts, GenerationConfig? config = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        Elements.ThrowIfNull(prompts);
        return Answer(prompts.Count, (preparer, i) => preparer.Prepare(prompts[i]), config, progress, cancellation);
    }

    /// <summary>Answers a prompt as it is, tags included, piece by piece; the pieces together are the answer with its tags.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="config">Settings; a beam search gives its answer in one piece at the end.</param>
    /// <param name="cancellation">Ends the stream with <see cref="OperationCanceledException"/>.</param>
    public IAsyncEnumerable<string> StreamAsync(RgbImage image, string prompt, GenerationConfig? config = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(prompt);
        return StreamAsync(preparer => preparer.Prepare(new ProcessorInput { Text = prompt, Image = image }), config, cancellation);
    }

    /// <summary>Answers a prompt piece by piece; the pieces together are the answer with its tags.</summary>
    /// <param name="prompt">The prompt with its pictures.</param>
    /// <param name="config">Settings; a beam search gives its answer in one piece at the end.</param>
    /// <param name="cancellation">Ends the stream with <see cref="OperationCanceledException"/>.</param>
    public IAsyncEnumerable<string> StreamAsync(Prompt prompt, GenerationConfig? config = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return StreamAsync(preparer => preparer.Prepare(prompt), config, cancellation);
    }

    /// <summary>Encodes a picture: latent_query_num rows in the decoder's width. The caller disposes them before the engine.</summary>
    public ImageEmbeddings EncodeImage(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        PixelValues pixels = Processor.ImageProcessor.Process(image);
        using (_turn.Take())
            return Model.UploadEmbeddings(Pictures.Rows([EncodedPictures.KeyOf(pixels)], _ => pixels));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        using (_turn.Take())
            Model.Dispose();
    }

    internal PromptPreparer CreatePreparer() => new(Processor, Config.LatentQueryNum);

    /// <summary>A prompt behind a picture.</summary>
    private static Prompt Show(RgbImage image, Prompt prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return new Prompt().Image(image).Append(prompt);
    }

    private IReadOnlyList<GroundedAnswer> Answer(
        int count, Func<PromptPreparer, int, PreparedPrompt> prepare, GenerationConfig? config, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        using (_turn.Take(cancellation))
            return new AnswerRun(this, config ?? new GenerationConfig(), progress, null).Run(count, prepare, cancellation);
    }

    private async IAsyncEnumerable<string> StreamAsync(
        Func<PromptPreparer, PreparedPrompt> prepare, GenerationConfig? config, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Channel<string> pieces = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task run = Task.Run(() => RunStream(prepare, config, pieces.Writer, abandoned.Token), abandoned.Token);
        try
        {
            await foreach (string piece in pieces.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                yield return piece;
            cancellation.ThrowIfCancellationRequested();
        }
        finally
        {
            // A reader who leaves early ends the work, or the waiting for it.
            await abandoned.CancelAsync().ConfigureAwait(false);
            await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void RunStream(
        Func<PromptPreparer, PreparedPrompt> prepare, GenerationConfig? config, ChannelWriter<string> pieces, CancellationToken cancellation)
    {
        try
        {
            using (_turn.Take(cancellation))
            {
                var run = new AnswerRun(this, config ?? new GenerationConfig(), null, piece => pieces.TryWrite(piece));
                run.Run(1, (preparer, _) => prepare(preparer), cancellation);
            }
            pieces.Complete();
        }
        catch (Exception exception)
        {
            pieces.Complete(exception);
        }
    }

    private GroundingGrammar? MakeGrammar()
    {
        if (!Processor.HasTokenizer)
            return null;
        var grammar = GroundingGrammar.Create(Processor.Tokenizer, Processor.Grid);
        return grammar.Fits(Config.TextConfig.VocabSize) ? grammar : null;
    }
}
