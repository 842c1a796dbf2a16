using Kosmos2.Cli.Images;
using Kosmos2.Cli.Output;
using Kosmos2.Engine;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Cli.Tasks;

/// <summary>Puts one request to every picture. A picture that fails is reported and the rest go on.</summary>
internal sealed class TaskRunner
{
    private readonly TaskRequest _request;
    private readonly TaskOptions _options;
    private readonly CancellationToken _cancellation;
    private readonly IReadOnlyList<ImageInput> _inputs;
    private readonly PictureOutput _pictures;

    private TaskRunner(
        TaskRequest request, TaskOptions options, IReadOnlyList<ImageInput> inputs, IEnumerable<ImageInput> examples, CancellationToken cancellation)
    {
        _request = request;
        _options = options;
        _cancellation = cancellation;
        _inputs = inputs;
        _pictures = new PictureOutput(options.Annotate, options.Crop, inputs.Count, inputs.Concat(examples));
    }

    /// <summary>Runs a request; returns the exit code.</summary>
    public static async Task<int> RunAsync(TaskRequest request, TaskOptions options, CancellationToken cancellation)
    {
        if (options.Json && options.Stream)
            throw new UsageException("--stream writes text as it comes; it does not go with --json");
        if (request.Compare is not null && (options.Stream || options.Annotate is not null || options.Crop is not null))
            throw new UsageException("a choice has no boxes, and comes all at once: --stream, --annotate and --crop do not go with it");
        string model = ModelFolder.Find(options.Model.Folder);
        using var download = new ImageDownload(options.UrlTimeout);
        ImageInput[] examples = [.. request.Shots.Select(shot => ExampleOf(shot, download))];
        var runner = new TaskRunner(request, options, ImageSource.Expand(options.Images, download), examples, cancellation);
        var shots = new Prompt();
        foreach ((ImageInput image, Shot shot) in examples.Zip(request.Shots))
            shots = shots.Image(await image.LoadAsync(options.Pictures, cancellation).ConfigureAwait(false)).Tagged(shot.Text);
        return await runner.RunAsync(model, shots).ConfigureAwait(false);
    }

    private static ImageInput ExampleOf(Shot shot, ImageDownload download) => ImageSource.Expand([shot.Image], download) is [ImageInput image]
        ? image
        : throw new UsageException($"--shot {shot.Image}: one image is wanted");

    private async Task<int> RunAsync(string model, Prompt shots)
    {
        int failed = 0;
        KosmosSession? session = null;
        try
        {
            for (int i = 0; i < _inputs.Count; i++)
            {
                ImageInput input = _inputs[i];
                string title = _inputs.Count == 1 ? _request.Task : $"{_request.Task} {i + 1} of {_inputs.Count}";
                RgbImage? picture = await TryAsync(() => input.LoadAsync(_options.Pictures, _cancellation)).ConfigureAwait(false);

                // The model is opened for the first good picture. One that does not open ends it all: no picture could go on.
                if (picture is not null)
                    session ??= Activity.Show("opening the model", () => KosmosSession.Load(model, _options, shots));
                if (picture is null || !await TryAsync(() => AnswerAsync(session!, input, picture, title)).ConfigureAwait(false))
                    failed++;
            }
        }
        finally
        {
            session?.Dispose();
        }
        return failed > 0 ? ExitCode.BadInput : ExitCode.Ok;
    }

    private async Task<bool> AnswerAsync(KosmosSession session, ImageInput input, RgbImage picture, string title)
    {
        if (_request.Compare is not null)
        {
            IReadOnlyList<ScoredText> texts = Activity.Show(title, () => session.Compare(picture, _request, _cancellation));
            Write(input, picture, texts);
            return true;
        }
        IReadOnlyList<GroundedEntity> entities;
        if (_options.Stream)
        {
            WriteName(input);
            entities = await session.StreamAsync(picture, _request, text => Console.Out.Write(TextOutput.Clean(text)), _cancellation).ConfigureAwait(false);
            Console.Out.WriteLine();
            TextOutput.WriteBoxes(Consoles.Out, entities, (picture.Width, picture.Height));
        }
        else
        {
            TaskAnswer answer = Activity.Show(title, () => session.Answer(input.Name, picture, _request, _cancellation));
            entities = answer.Entities;
            Write(input, answer);
        }
        foreach (string file in _pictures.Write(input, picture, entities))
            Activity.Note($"wrote {file}");
        return true;
    }

    private void Write(ImageInput input, TaskAnswer answer)
    {
        if (_options.Json)
        {
            Console.Out.WriteLine(JsonLine.Of(answer));
            return;
        }
        WriteName(input);
        TextOutput.WriteText(Consoles.Out, answer, _request.AnswerOnly);
        TextOutput.WriteBoxes(Consoles.Out, answer.Entities, answer.Size);
    }

    private void Write(ImageInput input, RgbImage picture, IReadOnlyList<ScoredText> texts)
    {
        if (_options.Json)
        {
            Console.Out.WriteLine(JsonLine.Of(input.Name, (picture.Width, picture.Height), _request.Task, texts));
            return;
        }
        WriteName(input);
        TextOutput.WriteScores(Console.Out, texts);
    }

    private void WriteName(ImageInput input)
    {
        if (_inputs.Count > 1)
            Console.Out.Write($"{TextOutput.Clean(input.Name)}: ");
    }

    // The default of T where it failed for a reason that lies in what was given; anything else goes up, and so does a lost device, which has no more answers.
    private static async Task<T?> TryAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (Exception e) when (e is not DeviceLostException && Failures.IsBadInput(e))
        {
            Failures.Report(e);
            return default;
        }
    }
}
