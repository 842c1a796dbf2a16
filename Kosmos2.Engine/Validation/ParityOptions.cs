namespace Kosmos2.Engine.Validation;

/// <summary>What a comparison with a folder of reference files needs besides the files. What is not given is looked for in and above the folder.</summary>
public sealed record ParityOptions
{
    /// <summary>The vocabulary of the processor's files: a folder with tokenizer.json or sentencepiece.bpe.model, or such a file.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>The folder of the pictures whose pixels are compared.</summary>
    public string? Images { get; init; }

    /// <summary>The model whose answers a cases.jsonl holds.</summary>
    public string? Model { get; init; }

    /// <summary>The full-size checkpoint that <see cref="Kosmos2.Weights.SyntheticCheckpoint"/> writes.</summary>
    public string? FullSizeModel { get; init; }

    /// <summary>What models run on; null for the defaults.</summary>
    public EngineOptions? Engine { get; init; }

    /// <summary>Reads a picture by path. Without it nothing with pictures is compared.</summary>
    public Func<string, RgbImage>? LoadPicture { get; init; }
}
