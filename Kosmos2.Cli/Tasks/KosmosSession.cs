using System.Text.Json;
using Kosmos2.Cli.Output;
using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Cli.Tasks;

/// <summary>A loaded model and the settings of this run.</summary>
internal sealed class KosmosSession : IDisposable
{
    private readonly Kosmos2Engine _engine;
    private readonly TaskOptions _options;

    // The pictures and texts that stand before the picture asked about; the same for all.
    private readonly Prompt _shots;

    private KosmosSession(Kosmos2Engine engine, TaskOptions options, Prompt shots)
    {
        _engine = engine;
        _options = options;
        _shots = shots;
    }

    /// <summary>Opens the model.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="options">The command line.</param>
    /// <param name="shots">What stands before each picture.</param>
    public static KosmosSession Load(string folder, TaskOptions options, Prompt shots)
    {
        Kosmos2Engine engine = Kosmos2Engine.Load(folder, options.Model.Engine with { ImageCacheFolder = options.ImageCache });
        if (!engine.Processor.HasTokenizer)
        {
            engine.Dispose();
            throw new UsageException($"{folder}: has no tokenizer (neither tokenizer.json nor sentencepiece.bpe.model), so it takes no text");
        }
        if (engine.Model.UnusedPanels is { } reason)
            Activity.Note(reason);
        return new KosmosSession(engine, options, shots);
    }

    /// <summary>Answers a request about one picture.</summary>
    public TaskAnswer Answer(string name, RgbImage picture, TaskRequest request, CancellationToken cancellation)
    {
        Prompt prompt = request.PromptFor(picture);
        GroundedAnswer answer = _engine.Generate([_shots.Image(picture).Append(prompt)], Settings(request), null, cancellation)[0];
        cancellation.ThrowIfCancellationRequested(); // a cancelled answer is half an answer
        AnswerTimings time = answer.Timings;
        return new TaskAnswer
        {
            Image = name,
            Size = (picture.Width, picture.Height),
            Task = request.Task,
            Prompt = Written(prompt),
            Text = answer.Text,
            Answer = answer.Answer,
            Raw = answer.Raw,
            Tokens = answer.Tokens,
            Entities = answer.Entities,
            FinishReason = JsonNamingPolicy.SnakeCaseLower.ConvertName($"{answer.FinishReason}"),
            Timings = [("preprocess", time.Preprocess), ("encode", time.Encode), ("prefill", time.FirstToken), ("decode", time.Decode)],
        };
    }

    /// <summary>Answers a request and hands over the text as it grows, without tags; returns the phrases and boxes.</summary>
    public async Task<IReadOnlyList<GroundedEntity>> StreamAsync(
        RgbImage picture, TaskRequest request, Action<string> write, CancellationToken cancellation)
    {
        Prompt prompt = request.PromptFor(picture);
        string asked = Written(prompt), answer = "";
        int written = 0;
        await foreach (string piece in _engine.StreamAsync(_shots.Image(picture).Append(prompt), Settings(request), cancellation).ConfigureAwait(false))
        {
            answer += piece;
            // An open tag may yet close: its text waits.
            string shown = Shown();
            if (shown.LastIndexOf('<') <= shown.LastIndexOf('>'))
                WriteNew(Clean(shown).Text);
        }
        WriteNew(Clean(Shown()).Text);
        return Clean(asked + answer).Entities;

        // The answer is taken apart alone where it is shown alone, as it is when it comes whole: a < in the question must not swallow it.
        string Shown() => request.AnswerOnly ? answer : asked + answer;

        void WriteNew(string text)
        {
            write(text[Math.Min(written, text.Length)..]);
            written = Math.Max(written, text.Length);
        }
    }

    /// <summary>Compares texts by their likelihood.</summary>
    public IReadOnlyList<ScoredText> Compare(RgbImage picture, TaskRequest request, CancellationToken cancellation) =>
        request.Compare!(_engine, picture, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _engine.Dispose();

    private GenerationConfig Settings(TaskRequest request) => new()
    {
        MaxNewTokens = _options.MaxNewTokens,
        MaxContext = _options.MaxContext is int limit ? new ContextPolicy(limit) : null,
        WellFormedGrounding = _options.Grammar ?? request.WellFormed,
    };

    // On the model's own grid, as it is asked.
    private string Written(Prompt prompt) => prompt.Write(_engine.Processor.Grid);

    private GroundedText Clean(string raw) => _engine.Processor.PostProcess(raw);
}
