using System.Text.Json;
using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Cli.Tasks;

/// <summary>A loaded model and the settings of this run.</summary>
internal sealed class KosmosSession : IDisposable
{
    private readonly Kosmos2Engine _engine;
    private readonly GenerationConfig _settings;

    private KosmosSession(Kosmos2Engine engine, GenerationConfig settings)
    {
        _engine = engine;
        _settings = settings;
    }

    /// <summary>Opens the model.</summary>
    public static KosmosSession Load(string folder, TaskOptions options)
    {
        Kosmos2Engine engine = Kosmos2Engine.Load(folder, options.Model.Engine);
        if (!engine.Processor.HasTokenizer)
        {
            engine.Dispose();
            throw new UsageException($"{folder}: has no tokenizer (neither tokenizer.json nor sentencepiece.bpe.model), so it takes no text");
        }
        ContextPolicy? context = options.MaxContext is int limit ? new ContextPolicy(limit) : null;
        return new KosmosSession(engine, new GenerationConfig { MaxNewTokens = options.MaxNewTokens, MaxContext = context });
    }

    /// <summary>Answers a request about one picture.</summary>
    public TaskAnswer Answer(string name, RgbImage picture, TaskRequest request, CancellationToken cancellation)
    {
        string prompt = request.PromptFor(picture);
        GroundedAnswer answer = _engine.Generate(picture, prompt, _settings, null, cancellation);
        cancellation.ThrowIfCancellationRequested(); // a cancelled answer is half an answer
        AnswerTimings time = answer.Timings;
        return new TaskAnswer
        {
            Image = name,
            Size = (picture.Width, picture.Height),
            Task = request.Task,
            Prompt = prompt,
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
        string raw = request.PromptFor(picture);
        int written = request.AnswerOnly ? Clean(raw).Text.Length : 0;
        bool begun = false;
        await foreach (string piece in _engine.StreamAsync(picture, raw, _settings, cancellation).ConfigureAwait(false))
        {
            raw += piece;
            // An open tag may yet close: its text waits.
            if (raw.LastIndexOf('<') <= raw.LastIndexOf('>'))
                WriteNew(Clean(raw).Text);
        }
        GroundedText whole = Clean(raw);
        WriteNew(whole.Text);
        return whole.Entities;

        void WriteNew(string text)
        {
            string fresh = text[Math.Min(written, text.Length)..];
            write(begun ? fresh : fresh.TrimStart());
            begun |= !string.IsNullOrWhiteSpace(fresh);
            written = Math.Max(written, text.Length);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _engine.Dispose();

    private GroundedText Clean(string raw) => _engine.Processor.PostProcess(raw);
}
