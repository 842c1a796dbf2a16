using System.Diagnostics;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine;

/// <summary>One call for answers: inputs to tokens and pixels, pictures through the encoder, prompts through the decoder, tokens back to text.</summary>
/// <param name="engine">The engine, whose turn it is.</param>
/// <param name="config">The caller's settings.</param>
/// <param name="progress">Told how far the first answer has come, or null.</param>
/// <param name="onText">Given the first answer piece by piece, or null.</param>
internal sealed class AnswerRun(Kosmos2Engine engine, GenerationConfig config, IProgress<GenerationProgress>? progress, Action<string>? onText)
{
    private readonly Stopwatch _clock = new();
    private TimeSpan _preprocess;
    private TimeSpan _encode;
    private TimeSpan? _firstToken;

    private Kosmos2Tokenizer Tokenizer => engine.Processor.Tokenizer;

    public IReadOnlyList<GroundedAnswer> Run(IReadOnlyList<ProcessorInput> inputs, CancellationToken cancellation)
    {
        if (inputs.Count == 0)
            return [];
        _clock.Start();
        Report(GenerationStage.Encoding, 0);
        (List<SequenceInput> prompts, List<PixelValues> pixels) = Prepare(inputs);
        _preprocess = Lap();
        cancellation.ThrowIfCancellationRequested();
        using ImageEmbeddings? images = Encode(pixels);
        _encode = Lap();
        cancellation.ThrowIfCancellationRequested();

        Report(GenerationStage.Prefill, 0);
        TokenStream stream = StreamAfter(prompts[0]);
        var hooks = new GenerationHooks { Progress = new SynchronousProgress<GeneratedToken>(token => OnToken(token, stream)) };
        Func<int[], string> decode = ids => Tokenizer.Decode(ids, skipSpecialTokens: true);
        GenerationResult result = engine.Model.Generate(prompts, images, config, hooks, decode, cancellation);
        var timings = new AnswerTimings(_preprocess, _encode, _firstToken ?? TimeSpan.Zero, Lap());
        GroundedAnswer[] answers = [.. result.Sequences.Select(sequence => ToAnswer(prompts[sequence.Prompt], sequence, timings))];
        if (onText is not null && _firstToken is null && answers.Length > 0)
            onText(string.Concat(answers[0].Tokens.Select(stream.Append)));
        return answers;
    }

    // The rows of all pictures are numbered through; each prompt takes its own.
    private (List<SequenceInput> Prompts, List<PixelValues> Pixels) Prepare(IReadOnlyList<ProcessorInput> inputs)
    {
        var prompts = new List<SequenceInput>(inputs.Count);
        var pixels = new List<PixelValues>(inputs.Count);
        int latents = engine.Config.LatentQueryNum;
        var options = new ProcessorOptions { NumImageTokens = latents };
        foreach (ProcessorInput input in inputs)
        {
            if (input.Text is null)
                throw new ArgumentException("an input has no prompt", nameof(inputs));
            ProcessorOutput output = engine.Processor.Process(input, options);
            int[] ids = Fit(output.InputIds[0], input.Image is null ? 0 : latents + 3);
            int next = pixels.Count * latents;
            int[]? given = output.ImageEmbedsPositionMask?[0][..ids.Length].Select(place => place != 0 ? next++ : -1).ToArray();
            prompts.Add(new SequenceInput { TokenIds = ids, GivenRows = given });
            if (output.PixelValues is not null)
                pixels.Add(output.PixelValues);
        }
        return (prompts, pixels);
    }

    private int[] Fit(int[] ids, int atLeast)
    {
        ContextPolicy? policy = config.MaxContext ?? engine.Model.GenerationDefaults.MaxContext;
        if (policy is null)
            return ids;
        int kept = policy.Fit(ids.Length);
        return kept >= atLeast || kept == ids.Length
            ? ids[..kept]
            : throw new ArgumentException($"MaxContext {policy.MaxTokens} leaves no room for the picture, which takes {atLeast} tokens with the tags around it");
    }

    private ImageEmbeddings? Encode(List<PixelValues> pixels)
    {
        if (pixels.Count == 0)
            return null;
        (int height, int width) = (pixels[0].Height, pixels[0].Width);
        if (pixels.Any(p => p.Height != height || p.Width != width))
            throw new ArgumentException("the pictures of a batch have different sizes after preprocessing");
        float[] all = pixels.Count == 1 ? pixels[0].Values : [.. pixels.SelectMany(p => p.Values)];
        return engine.Model.EncodeImages(all, pixels.Count, height, width);
    }

    private TokenStream StreamAfter(SequenceInput prompt)
    {
        TokenStream stream = Tokenizer.CreateStream(skipSpecialTokens: true);
        if (onText is not null)
        {
            foreach (int id in prompt.TokenIds)
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

    private GroundedAnswer ToAnswer(SequenceInput prompt, GeneratedSequence sequence, AnswerTimings timings)
    {
        int[] tokens = [.. sequence.Tokens];
        GroundedText whole = engine.Processor.PostProcess(Tokenizer.Decode([.. prompt.TokenIds, .. tokens], skipSpecialTokens: true));
        GroundedText answer = engine.Processor.PostProcess(Tokenizer.Decode(tokens, skipSpecialTokens: true));
        return new GroundedAnswer
        {
            Text = whole.Text,
            Raw = whole.Raw,
            Answer = answer.Text,
            Entities = whole.Entities,
            Tokens = tokens,
            FinishReason = sequence.FinishReason,
            Timings = timings,
        };
    }

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
