using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// Compares two checkpoints of one vocabulary, such as a quantized one and its original. Both read the same tokens ("teacher-forced"), so one early
/// difference does not make everything after it different.
/// </summary>
public static class ModelComparer
{
    private const int MaxNewTokens = 96;

    /// <summary>Runs the comparison.</summary>
    /// <param name="modelFolder">The model under test.</param>
    /// <param name="referenceFolder">The reference; run on the same device with its weights as they are stored, its products exact, its cache in F32.</param>
    /// <param name="options">Device, and formats of the model under test; null for the defaults.</param>
    /// <param name="casesFolder">
    /// A folder with cases.jsonl and pictures: the rows compared are those of its prompts' answers. Null for random tokens after a random picture, which need
    /// no tokenizer: the relative error means something there, but the rest only for a trained model.
    /// </param>
    /// <param name="loadPicture">Reads a picture by path; needed with cases.</param>
    /// <param name="cases">Cases to take, evenly from the whole file; null for all.</param>
    /// <param name="answers">Whether both models also answer the cases by themselves.</param>
    /// <param name="cancellation">Ends the comparison with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException">The vocabularies differ.</exception>
    /// <exception cref="Kosmos2FormatException">A model or the cases are malformed.</exception>
    public static ComparisonReport Run(
        string modelFolder, string referenceFolder, EngineOptions? options = null, string? casesFolder = null, Func<string, RgbImage>? loadPicture = null,
        int? cases = null, bool answers = false, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(modelFolder);
        ArgumentNullException.ThrowIfNull(referenceFolder);
        options ??= new EngineOptions();
        using Kosmos2Engine model = Kosmos2Engine.Load(modelFolder, options);
        EngineOptions exact = ModelValidator.Exact(options with { Products = null, WeightFormat = WeightFormat.Stored, CacheFormat = CacheFormat.Float32 });
        using Kosmos2Engine reference = Kosmos2Engine.Load(referenceFolder, exact);
        int vocabulary = reference.Config.TextConfig.VocabSize;
        if (model.Config.TextConfig.VocabSize != vocabulary)
            throw new ArgumentException($"the model has {model.Config.TextConfig.VocabSize} tokens, the reference {vocabulary}: they cannot be compared", nameof(modelFolder));
        if (casesFolder is null)
            return new ComparisonReport(RandomTokens(model.Model, reference.Model, cancellation), null);
        ArgumentNullException.ThrowIfNull(loadPicture);
        return OverCases(model, reference, casesFolder, loadPicture, cases, answers, cancellation);
    }

    private static ComparisonReport OverCases(
        Kosmos2Engine model, Kosmos2Engine reference, string folder, Func<string, RgbImage> loadPicture, int? wanted, bool answers, CancellationToken cancellation)
    {
        (ShapesCase Case, CaseTruth? Truth)[] all = [.. ReferenceLines.Read(
            Path.Combine(folder, CasesReference.FileName), line => (ShapesCase.Parse(line), CaseTruth.Parse(line))).Select(line => line.Item2)];
        int count = Math.Min(wanted ?? all.Length, all.Length);
        var logits = new LogitComparison();
        var told = new AnswerComparison();
        for (int i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            (ShapesCase one, CaseTruth? truth) = all[(int)((long)i * all.Length / count)];
            if (one.NewTokens.Length == 0)
                continue;
            RgbImage picture = loadPicture(one.PicturePath(folder));
            ForwardOutput actual = Forced(model, picture, one), expected = Forced(reference, picture, one);
            // The prompt's last row predicts the first token of the answer.
            for (int row = expected.RowStarts[1] - one.NewTokens.Length; row < expected.RowStarts[1]; row++)
                logits.Add(actual.Row(0, row), expected.Row(0, row));
            if (answers && truth is not null)
                told.Add(truth, Answer(model, picture, one), Answer(reference, picture, one));
        }
        return new ComparisonReport(logits.Finish(), answers ? told.Finish() : null);
    }

    // All rows of the prompt and, after it, of the answer that the case gives, but for its last token.
    private static ForwardOutput Forced(Kosmos2Engine engine, RgbImage picture, ShapesCase one)
    {
        var options = new ProcessorOptions { NumImageTokens = engine.Config.LatentQueryNum };
        ProcessorOutput input = engine.Processor.Process(new ProcessorInput { Text = one.Prompt, Image = picture }, options);
        SequenceInput prompt = PaddedBatch.ToSequences(input.InputIds, null, input.ImageEmbedsPositionMask, engine.Config.TextConfig.PadTokenId)[0].Sequence;
        using ImageEmbeddings embeddings = engine.EncodeImage(picture);
        int[] answer = one.NewTokens[..^1];
        return engine.Model.Forward(
            [
                new SequenceInput
                {
                    TokenIds = [.. prompt.TokenIds, .. answer],
                    GivenRows = [.. prompt.GivenRows!, .. Enumerable.Repeat(-1, answer.Length)],
                },
            ],
            embeddings);
    }

    private static GroundedAnswer Answer(Kosmos2Engine engine, RgbImage picture, ShapesCase one) =>
        engine.Generate(picture, one.Prompt, new GenerationConfig { MaxNewTokens = MaxNewTokens, NoRepeatNgramSize = 0 });

    private static LogitStatistics RandomTokens(Kosmos2Model model, Kosmos2Model reference, CancellationToken cancellation)
    {
        const int Sequences = 4, Length = 64;
        Kosmos2Config config = reference.Config;
        using ImageEmbeddings images = Encode(reference), own = Encode(model);
        int latents = config.LatentQueryNum, vocabulary = config.TextConfig.VocabSize;
        var random = new Random(1);
        var logits = new LogitComparison();
        for (int s = 0; s < Sequences; s++)
        {
            cancellation.ThrowIfCancellationRequested();
            int[] tokens = [config.TextConfig.BosTokenId, .. Enumerable.Range(0, latents + Length).Select(_ => random.Next(Math.Min(3, vocabulary - 1), vocabulary))];
            int[] given = [-1, .. Enumerable.Range(0, latents), .. Enumerable.Repeat(-1, Length)];
            var sequence = new SequenceInput { TokenIds = tokens, GivenRows = given };
            ForwardOutput actual = model.Forward([sequence], own), expected = reference.Forward([sequence], images);
            for (int row = latents; row < tokens.Length; row++)
                logits.Add(actual.Row(0, row), expected.Row(0, row));
        }
        return logits.Finish();
    }

    private static ImageEmbeddings Encode(Kosmos2Model model)
    {
        Kosmos2VisionConfig vision = model.Config.VisionConfig;
        using Tensor pixels = SyntheticCheckpoint.CreateTensor("pixel_values", 1, vision.NumChannels, vision.ImageSize, vision.ImageSize);
        return model.EncodeImages(pixels.AsSpan<float>(), 1, vision.ImageSize, vision.ImageSize);
    }

    /// <summary>Sums over the answers to cases.</summary>
    private sealed class AnswerComparison
    {
        private readonly List<double> _overlaps = [];
        private readonly List<double> _referenceOverlaps = [];
        private int _cases;
        private int _equal;
        private int _right;
        private int _referenceRight;

        public void Add(CaseTruth truth, GroundedAnswer actual, GroundedAnswer expected)
        {
            AnswerScore score = AnswerScore.Of(truth, actual), referenceScore = AnswerScore.Of(truth, expected);
            _cases++;
            _equal += actual.Tokens.SequenceEqual(expected.Tokens) ? 1 : 0;
            _right += score.Right ? 1 : 0;
            _referenceRight += referenceScore.Right ? 1 : 0;
            _overlaps.AddRange(score.Overlaps);
            _referenceOverlaps.AddRange(referenceScore.Overlaps);
        }

        public AnswerStatistics? Finish() => _cases == 0 ? null : new AnswerStatistics(
            _cases, (double)_equal / _cases, (double)_right / _cases, (double)_referenceRight / _cases,
            _overlaps.DefaultIfEmpty().Average(), _referenceOverlaps.DefaultIfEmpty().Average());
    }
}
