using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine;

/// <summary>
/// Answers about pictures, with boxes: a model folder's processor and model on one device. This is the class to embed; see
/// <see cref="Kosmos2Model"/> for the layer of tensors below it.
/// </summary>
/// <remarks>Any number of threads may call; calls take turns. All arithmetic is the same whatever else runs.</remarks>
public sealed class Kosmos2Engine : IDisposable
{
    private readonly Lock _turn = new();

    private Kosmos2Engine(Kosmos2Model model, Kosmos2Processor processor)
    {
        Model = model;
        Processor = processor;
    }

    /// <summary>The model's configuration.</summary>
    public Kosmos2Config Config => Model.Config;

    /// <summary>The layer of tensors.</summary>
    public Kosmos2Model Model { get; }

    /// <summary>Text, boxes and pictures to tokens and pixels, and back.</summary>
    public Kosmos2Processor Processor { get; }

    /// <summary>Opens a model folder. Weight files are mapped; only their headers are read.</summary>
    /// <param name="folder">config.json, model.safetensors or shards, a tokenizer, and processor settings as far as there are any.</param>
    /// <param name="options">Device and limits; null for the defaults.</param>
    /// <exception cref="Kosmos2FormatException">A file is missing or malformed; the message says which, where, and what was expected.</exception>
    /// <exception cref="ArgumentException">The options name no known device.</exception>
    /// <exception cref="Kernels.Gpu.DeviceUnavailableException">There is no such device, or it cannot be used.</exception>
    public static Kosmos2Engine Load(string folder, EngineOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new EngineOptions();
        var processor = Kosmos2Processor.Load(folder);
        return new Kosmos2Engine(Kosmos2Model.Load(folder, Backends.Create(options.Device, options.ForCpu(folder)), options.MaxCachedTokens, options.WeightFormat), processor);
    }

    /// <summary>Answers a prompt about a picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="prompt">As in <c>&lt;grounding&gt; An image of</c>; <see cref="Prompts"/> has one for each task.</param>
    /// <param name="config">Settings; what is not set comes from the checkpoint.</param>
    /// <param name="progress">Told on the calling thread how far the answer has come, or null.</param>
    /// <param name="cancellation">Ends the answer between two tokens; what there is by then is returned.</param>
    /// <exception cref="ArgumentException">The prompt or a setting is unusable.</exception>
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
    /// <exception cref="ArgumentException">An input or a setting is unusable.</exception>
    public IReadOnlyList<GroundedAnswer> Generate(
        IReadOnlyList<ProcessorInput> inputs, GenerationConfig? config = null, IProgress<GenerationProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        lock (_turn)
            return new AnswerRun(this, config ?? new GenerationConfig(), progress, null).Run(inputs, cancellation);
    }

    /// <summary>Answers a prompt about a picture piece by piece; the pieces together are the answer with its tags.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="config">Settings; a beam search gives its answer in one piece at the end.</param>
    /// <param name="cancellation">Ends the stream with <see cref="OperationCanceledException"/>.</param>
    public async IAsyncEnumerable<string> StreamAsync(
        RgbImage image, string prompt, GenerationConfig? config = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(prompt);
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Channel<string> pieces = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task run = Task.Run(() => RunStream(image, prompt, config, pieces.Writer, abandoned.Token), CancellationToken.None);
        try
        {
            await foreach (string piece in pieces.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                yield return piece;
            cancellation.ThrowIfCancellationRequested();
        }
        finally
        {
            // A reader who leaves early ends the work.
            await abandoned.CancelAsync().ConfigureAwait(false);
            await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Encodes a picture: latent_query_num rows in the decoder's width. The caller disposes them before the engine.</summary>
    public ImageEmbeddings EncodeImage(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        PixelValues pixels = Processor.ImageProcessor.Process(image);
        lock (_turn)
            return Model.EncodeImages(pixels.Values, pixels.Images, pixels.Height, pixels.Width);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_turn)
            Model.Dispose();
    }

    private void RunStream(RgbImage image, string prompt, GenerationConfig? config, ChannelWriter<string> pieces, CancellationToken cancellation)
    {
        try
        {
            lock (_turn)
            {
                var run = new AnswerRun(this, config ?? new GenerationConfig(), null, piece => pieces.TryWrite(piece));
                run.Run([new ProcessorInput { Text = prompt, Image = image }], cancellation);
            }
            pieces.Complete();
        }
        catch (Exception exception)
        {
            pieces.Complete(exception);
        }
    }
}
