using System.Diagnostics;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine;

/// <summary>One call for answers: prompts to tokens, pictures through the encoder, what prompts share through the decoder once, answers back to text.</summary>
/// <param name="engine">The engine, whose turn it is.</param>
/// <param name="config">The caller's settings.</param>
/// <param name="progress">Told how far the first answer has come, or null.</param>
/// <param name="onText">Given the first answer piece by piece, or null.</param>
internal sealed class AnswerRun(Kosmos2Engine engine, GenerationConfig config, IProgress<GenerationProgress>? progress, Action<string>? onText)
{
    private readonly Stopwatch _clock = new();
    private TimeSpan? _firstToken;

    private Kosmos2Tokenizer Tokenizer => engine.Processor.Tokenizer;

    /// <summary>Answers prompts.</summary>
    /// <param name="count">How many there are.</param>
    /// <param name="prepare">Makes tokens of a prompt by its number.</param>
    /// <param name="cancellation">Ends the answers between two tokens.</param>
    public IReadOnlyList<GroundedAnswer> Run(int count, Func<PromptPreparer, int, PreparedPrompt> prepare, CancellationToken cancellation)
    {
        if (count == 0)
            return [];
        _clock.Start();
        Report(GenerationStage.Encoding, 0);
        PromptPreparer preparer = engine.CreatePreparer();
        PreparedPrompt[] prompts = [.. Enumerable.Range(0, count).Select(i => Fit(prepare(preparer, i)))];
        TimeSpan preprocess = Lap();
        cancellation.ThrowIfCancellationRequested();
        using var batch = new SequenceBatch(engine.Model, engine.Prefixes, prompts);
        batch.Encode(engine.Pictures, preparer.PixelsOf);
        TimeSpan encode = Lap();
        cancellation.ThrowIfCancellationRequested();

        Report(GenerationStage.Prefill, 0);
        batch.RunSharedBeginnings();
        TokenStream stream = StreamAfter(prompts[0]);
        var hooks = new GenerationHooks { Grammar = engine.Grammar, Progress = new SynchronousProgress<GeneratedToken>(token => OnToken(token, stream)) };
        Func<int[], string> decode = ids => Tokenizer.Decode(ids, skipSpecialTokens: true);
        GenerationResult result = engine.Model.Generate(batch.Sequences(), batch.Given, config, hooks, decode, cancellation);
        var timings = new AnswerTimings(preprocess, encode, _firstToken ?? TimeSpan.Zero, Lap());
        GroundedAnswer[] answers = [.. result.Sequences.Select(sequence => ToAnswer(prompts[sequence.Prompt].Ids, sequence, timings))];
        if (onText is not null && _firstToken is null && answers.Length > 0)
            onText(string.Concat(answers[0].Tokens.Select(stream.Append)));
        return answers;
    }

    private PreparedPrompt Fit(PreparedPrompt prompt)
    {
        ContextPolicy? policy = config.MaxContext ?? engine.Model.GenerationDefaults.MaxContext;
        int length = prompt.Ids.Length, kept = policy?.Fit(length) ?? length;
        if (kept == length)
            return prompt;
        int atLeast = prompt.PicturePrefix(engine.Config.LatentQueryNum);
        return kept >= atLeast
            ? new PreparedPrompt(prompt.Ids[..kept], prompt.Pictures)
            : throw new ArgumentException($"MaxContext {policy!.MaxTokens} leaves no room for the picture, which takes {atLeast} tokens with the tags around it");
    }

    private TokenStream StreamAfter(PreparedPrompt prompt)
    {
        TokenStream stream = Tokenizer.CreateStream(skipSpecialTokens: true);
        if (onText is not null)
        {
            foreach (int id in prompt.Ids)
                stream.Append(id);
        }
        return stream;
    }

    private void OnToken(GeneratedToken token, TokenStream stream)
    {
        _firstToken ??= Lap();
        if (token.Sequence != 0)
            return;
        Report(GenerationStage.Decoding, token.Index + 1);
        if (onText is not null && stream.Append(token.Id) is { Length: > 0 } piece)
            onText(piece);
    }

    private GroundedAnswer ToAnswer(int[] prompt, GeneratedSequence sequence, AnswerTimings timings)
    {
        int[] tokens = [.. sequence.Tokens];
        GroundedText whole = engine.Processor.PostProcess(Tokenizer.Decode([.. prompt, .. tokens], skipSpecialTokens: true));
        GroundedText answer = engine.Processor.PostProcess(Tokenizer.Decode(tokens, skipSpecialTokens: true));
        return new GroundedAnswer
        {
            Text = whole.Text,
            Raw = whole.Raw,
            Answer = answer.Text,
            Entities = Known(whole.Entities, prompt, sequence),
            Tokens = tokens,
            FinishReason = sequence.FinishReason,
            Timings = timings,
        };
    }

    private IReadOnlyList<GroundedEntity> Known(IReadOnlyList<GroundedEntity> entities, int[] prompt, GeneratedSequence sequence) => engine.Grammar is { } grammar
        ? GroundingEvidence.Attach(entities, [.. prompt, .. sequence.Tokens], sequence.Evidence, prompt.Length, grammar, engine.Processor.Grid)
        : entities;

    private void Report(GenerationStage stage, int tokens) =>
        progress?.Report(new GenerationProgress(stage, tokens, config.MaxNewTokens ?? engine.Model.GenerationDefaults.MaxNewTokens));

    private TimeSpan Lap()
    {
        TimeSpan elapsed = _clock.Elapsed;
        _clock.Restart();
        return elapsed;
    }
}

/// <summary>Progress reported on the thread it comes from, where the framework's own type would post it to another.</summary>
internal sealed class SynchronousProgress<T>(Action<T> handler) : IProgress<T>
{
    public void Report(T value) => handler(value);
}
