using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Text, boxes and pictures to what the model takes, as Hugging Face's Kosmos2Processor: a picture's places stand between <c>&lt;image&gt;</c> and
/// <c>&lt;/image&gt;</c> before the text, boxes are written behind their phrases, rows begin with <c>&lt;s&gt;</c>. Read-only; any number of threads may use one.
/// </summary>
public sealed class Kosmos2Processor
{
    private readonly Kosmos2Tokenizer? _tokenizer;

    /// <summary>Puts a processor together.</summary>
    /// <param name="tokenizer">The tokenizer; null if the model has none, and then only pictures can be processed.</param>
    /// <param name="imageProcessor">The image processor.</param>
    /// <param name="grid">The grid that boxes are written on; 32 x 32 by default.</param>
    /// <param name="paddingSide">The side on which rows are filled up unless an option says otherwise.</param>
    public Kosmos2Processor(
        Kosmos2Tokenizer? tokenizer, Kosmos2ImageProcessor imageProcessor, PatchGrid? grid = null, PaddingSide paddingSide = PaddingSide.Right)
    {
        ArgumentNullException.ThrowIfNull(imageProcessor);
        _tokenizer = tokenizer;
        ImageProcessor = imageProcessor;
        Grid = grid ?? PatchGrid.Default;
        PaddingSide = paddingSide;
    }

    /// <summary>Loads a model folder's processor: its tokenizer if there is one, and its settings as far as it has files for them.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="Kosmos2FormatException">A file is damaged, or asks for something that is not supported.</exception>
    public static Kosmos2Processor Load(string folder)
    {
        int patches = ProcessorConfig.Load(folder).NumPatchIndexTokens;
        PaddingSide side = TokenizerConfig.Load(folder).PadsLeft ? PaddingSide.Left : PaddingSide.Right;
        return new Kosmos2Processor(
            Kosmos2Tokenizer.LoadIfPresent(folder, patches), new Kosmos2ImageProcessor(PreprocessorConfig.Load(folder)), new PatchGrid(patches), side);
    }

    /// <summary>Whether the model came with a tokenizer, so that text can be processed.</summary>
    public bool HasTokenizer => _tokenizer is not null;

    /// <summary>The tokenizer.</summary>
    /// <exception cref="InvalidOperationException">The model has none.</exception>
    public Kosmos2Tokenizer Tokenizer => _tokenizer
        ?? throw new InvalidOperationException("this model has no tokenizer (neither tokenizer.json nor sentencepiece.bpe.model); it can be run on token ids only");

    /// <summary>The image processor.</summary>
    public Kosmos2ImageProcessor ImageProcessor { get; }

    /// <summary>The grid that boxes are written on.</summary>
    public PatchGrid Grid { get; }

    /// <summary>The side on which rows are filled up.</summary>
    public PaddingSide PaddingSide { get; }

    /// <summary>Processes one example. The output has one row.</summary>
    /// <param name="input">Text, picture, or both.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <exception cref="ArgumentException">The example is empty, its boxes do not fit its text, or a setting makes no sense.</exception>
    /// <exception cref="InvalidOperationException">There is text, and the model has no tokenizer.</exception>
    public ProcessorOutput Process(ProcessorInput input, ProcessorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        options ??= ProcessorOptions.Default;
        // Hugging Face fills up a row with a picture only among others.
        return Process([input], options, pad: input.Image is null);
    }

    /// <summary>Processes several examples: all with text or none, all with a picture or none.</summary>
    /// <param name="inputs">The examples, at least one.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <exception cref="ArgumentException">An example is null, or the examples are of different kinds or empty, boxes do not fit their text, or a setting makes no sense.</exception>
    /// <exception cref="InvalidOperationException">There is text, and the model has no tokenizer.</exception>
    public ProcessorOutput Process(IReadOnlyList<ProcessorInput> inputs, ProcessorOptions? options = null)
    {
        Elements.ThrowIfNull(inputs);
        return Process(inputs, options ?? ProcessorOptions.Default, pad: true);
    }

    /// <summary>A prompt's tokens: <c>&lt;s&gt;</c>, its pieces, and behind each picture's <c>&lt;image&gt;</c> the places of its embeddings.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="options">Places for a picture, and their first id.</param>
    /// <returns>The ids, and where each picture's places begin.</returns>
    /// <exception cref="ArgumentException">A box leaves the picture, or its corners are out of order.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    internal (int[] Ids, int[] ImageStarts) Encode(Prompt prompt, ProcessorOptions options)
    {
        int[] ids = Tokenizer.Encode(TokenizerModel.Bos + prompt.Write(Grid), addSpecialTokens: false);
        int image = Tokenizer.TokenToId(GroundingTags.Image) ?? -1;
        int[] starts = [.. Enumerable.Range(0, ids.Length).Where(i => ids[i] == image).Select((i, earlier) => i + 1 + (earlier * options.NumImageTokens))];
        foreach (int start in starts)
            ids = WithImagePlaces(ids, start, options);
        return (ids, starts);
    }

    /// <summary>An example's tokens, neither filled up nor cut, and where its picture's places would begin.</summary>
    /// <exception cref="ArgumentException">The boxes do not fit the text.</exception>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    internal (int[] Ids, int ImageStart) Encode(ProcessorInput input, ProcessorOptions options) => (Ids(input, options), FirstImagePlace(options));

    /// <summary>Takes an answer apart on this model's grid. Hugging Face's post_process_generation.</summary>
    /// <param name="generated">The decoded ids, tags included.</param>
    public GroundedText PostProcess(string generated) => GroundedText.Parse(generated, Grid);

    private ProcessorOutput Process(IReadOnlyList<ProcessorInput> inputs, ProcessorOptions options, bool pad)
    {
        int texts = inputs.Count(input => input.Text is not null);
        int images = inputs.Count(input => input.Image is not null);
        if (texts + images == 0)
            throw new ArgumentException("there is neither text nor a picture", nameof(inputs));
        if (Math.Max(texts, images) < inputs.Count || (texts > 0 && images > 0 && texts != images))
            throw new ArgumentException($"of {inputs.Count} examples {texts} have a text and {images} a picture; either all have one or none", nameof(inputs));
        CheckLengths(options);

        int[][] ids = texts > 0 ? [.. inputs.Select(input => Ids(input, options))] : [];
        PixelValues? pixels = images > 0 ? ImageProcessor.Process([.. inputs.Select(input => input.Image!)]) : null;
        int target = pad ? PaddedLength(ids, images > 0, options) : 0;
        PaddingSide side = options.PaddingSide ?? PaddingSide;
        int[][] attention = [.. ids.Select(row => Filled(row, target, side, padding: 0, _ => 1))];
        int[][]? places = texts > 0 && images > 0 ? [.. ids.Select(row => Filled(row, target, side, padding: 0, i => IsImagePlace(i, options) ? 1 : 0))] : null;
        int[][] padded = [.. ids.Select(row => Filled(row, target, side, padding: texts > 0 ? Tokenizer.PadTokenId : 0, i => row[i]))];
        return new ProcessorOutput(padded, attention, places, pixels);
    }

    private static void CheckLengths(ProcessorOptions options)
    {
        if (options.MaxLength is null && (options.Truncation || options.Padding == PaddingStrategy.MaxLength))
            throw new ArgumentException("truncation and padding to the maximal length need MaxLength", nameof(options));
        if (options.MaxLength < 1 || options.PadToMultipleOf < 1 || options.NumImageTokens < 1)
            throw new ArgumentException($"MaxLength {options.MaxLength}, PadToMultipleOf {options.PadToMultipleOf} and NumImageTokens {options.NumImageTokens} must be at least 1", nameof(options));
    }

    /// <summary>One row's ids, truncated but not filled up.</summary>
    private int[] Ids(ProcessorInput input, ProcessorOptions options)
    {
        string text = PythonText.Strip(input.Text).ToString();
        text = PromptText.WithBoxes(text, input.Boxes, Grid, checkRange: !options.AllowBoxesOutside);
        if (input.Image is not null)
            text = $"{GroundingTags.Image} {GroundingTags.ImageEnd} {text}";
        // As Hugging Face: <s> and </s> come with the tokenizer's template, <s> alone is written into the text.
        bool eos = options.AddSpecialTokens && options.AddEosToken;
        if (options.AddSpecialTokens && !eos)
            text = TokenizerModel.Bos + text;
        int[] ids = Tokenizer.Encode(text, addSpecialTokens: eos);
        if (input.Image is not null)
            ids = WithImagePlaces(ids, FirstImagePlace(options), options);
        return options.Truncation && ids.Length > options.MaxLength ? Truncated(ids, options.MaxLength.Value, eos, input.Image is not null, options) : ids;
    }

    /// <summary>Column of the first place of a picture's embeddings: behind <c>&lt;s&gt;</c>, if any, and <c>&lt;image&gt;</c>.</summary>
    private static int FirstImagePlace(ProcessorOptions options) => options.AddSpecialTokens ? 2 : 1;

    private static bool IsImagePlace(int column, ProcessorOptions options) =>
        column >= FirstImagePlace(options) && column - FirstImagePlace(options) < options.NumImageTokens;

    private int[] WithImagePlaces(int[] ids, int start, ProcessorOptions options)
    {
        int first = options.FirstImageTokenId ?? (Tokenizer.UnkTokenId + 1);
        if (first < 0 || (long)first + options.NumImageTokens > Tokenizer.VocabularySize)
            throw new ArgumentException($"the places of a picture's embeddings would have the ids {first} to {(long)first + options.NumImageTokens - 1}, of a vocabulary of {Tokenizer.VocabularySize}", nameof(options));
        return [.. ids.AsSpan(0, start), .. Enumerable.Range(first, options.NumImageTokens), .. ids.AsSpan(start)];
    }

    private static int[] Truncated(int[] ids, int length, bool keepLast, bool image, ProcessorOptions options)
    {
        int needed = (image ? FirstImagePlace(options) + options.NumImageTokens + 1 : 0) + (keepLast ? 1 : 0);
        if (length < needed)
            throw new ArgumentException($"MaxLength is {length}, and what may not be cut off has {needed} tokens", nameof(options));
        int[] cut = ids[..length];
        if (keepLast)
            cut[^1] = ids[^1];
        return cut;
    }

    /// <summary>The length that rows are filled up to; 0 to leave them.</summary>
    private static int PaddedLength(int[][] ids, bool images, ProcessorOptions options)
    {
        int longest = ids.Length == 0 ? 0 : ids.Max(row => row.Length);
        if (options.Padding == PaddingStrategy.None)
            return images ? longest : 0;
        long length = options.Padding == PaddingStrategy.MaxLength ? options.MaxLength!.Value : longest;
        if (options.PadToMultipleOf is { } multiple)
            length = (length + multiple - 1) / multiple * multiple;
        return length <= Array.MaxLength
            ? Math.Max((int)length, images ? longest : 0)
            : throw new ArgumentException($"rows would be filled up to {length} tokens, which is too long", nameof(options));
    }

    private static int[] Filled(int[] row, int length, PaddingSide side, int padding, Func<int, int> value)
    {
        int[] filled = new int[Math.Max(length, row.Length)];
        int start = side == PaddingSide.Left ? filled.Length - row.Length : 0;
        Array.Fill(filled, padding);
        for (int i = 0; i < row.Length; i++)
            filled[start + i] = value(i);
        return filled;
    }
}
