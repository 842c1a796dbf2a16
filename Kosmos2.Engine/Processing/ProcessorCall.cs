using System.Text.Json;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// A call of Hugging Face's Kosmos2Processor written in JSON, under its names: <c>text</c>, <c>images</c>, <c>bboxes</c>, and the settings of <see cref="ProcessorOptions"/>.
/// For servers and for whoever keeps calls in files; what the types of this library cannot say, such as a box of three numbers, is refused here as there.
/// </summary>
public sealed record ProcessorCall
{
    private ProcessorCall(IReadOnlyList<ProcessorInput> inputs, bool isBatch, ProcessorOptions options)
    {
        Inputs = inputs;
        IsBatch = isBatch;
        Options = options;
    }

    /// <summary>The examples.</summary>
    public IReadOnlyList<ProcessorInput> Inputs { get; init; }

    /// <summary>Whether the call is one of several examples, even if it is of one: <c>text</c>, or without it <c>images</c>, is a list.</summary>
    public bool IsBatch { get; init; }

    /// <summary>The settings. As in Hugging Face boxes may leave the picture (<see cref="ProcessorOptions.AllowBoxesOutside"/>).</summary>
    public ProcessorOptions Options { get; init; }

    /// <summary>Reads a call.</summary>
    /// <param name="arguments">An object of the call's arguments. An argument that is absent or null has Hugging Face's default.</param>
    /// <param name="loadPicture">Makes a picture of a string in <c>images</c>: a path, an address, or whatever the caller takes such a string for.</param>
    /// <param name="markedTuples">
    /// JSON has no tuples, and Hugging Face tells a box, <c>(79, 1016)</c>, from a list. False: a list of numbers is a box, as Python's json writes tuples. True: only
    /// <c>{"tuple": [79, 1016]}</c> is one, as in the reference files.
    /// </param>
    /// <exception cref="ArgumentException">
    /// An argument is unknown or of the wrong kind, or there are not as many texts, pictures and lists of boxes: what is a ValueError or TypeError in Python.
    /// Or a string is no Unicode text, as <c>"\ud800"</c>.
    /// </exception>
    public static ProcessorCall Read(JsonElement arguments, Func<string, RgbImage> loadPicture, bool markedTuples = false)
    {
        ArgumentNullException.ThrowIfNull(loadPicture);
        var fields = new CallArguments(arguments);
        (string[]? texts, bool isBatch) = fields.Strings("text");
        (string[]? names, bool isList) = fields.Strings("images");
        if (texts is not null && names is not null && texts.Length != names.Length)
            throw new ArgumentException($"there must be as many texts as images; there are {texts.Length} and {names.Length}");
        int count = (texts ?? names)?.Length ?? 0;
        if (count == 0)
            throw new ArgumentException("a call needs text or images");

        IReadOnlyList<IReadOnlyList<PhraseBox>?>?[] boxes = new BoxArguments(markedTuples).Read(fields.Find("bboxes"), count, isBatch);
        ProcessorOptions options = fields.Options();
        fields.RefuseOthers();
        var inputs = new ProcessorInput[count];
        for (int i = 0; i < count; i++)
            inputs[i] = new ProcessorInput { Text = texts?[i], Image = names is null ? null : loadPicture(names[i]), Boxes = texts is null ? null : boxes[i] };
        return new ProcessorCall(inputs, texts is null ? isList : isBatch, options);
    }

    /// <summary>Makes the call.</summary>
    /// <param name="processor">The processor.</param>
    /// <exception cref="ArgumentException">As for <see cref="Kosmos2Processor.Process(IReadOnlyList{ProcessorInput}, ProcessorOptions?)"/>.</exception>
    /// <exception cref="InvalidOperationException">There is text, and the model has no tokenizer.</exception>
    public ProcessorOutput Run(Kosmos2Processor processor)
    {
        ArgumentNullException.ThrowIfNull(processor);
        return IsBatch ? processor.Process(Inputs, Options) : processor.Process(Inputs[0], Options);
    }
}
