namespace Kosmos2.Weights;

/// <summary>What <see cref="CheckpointQuantizer"/> makes of a checkpoint.</summary>
public sealed record QuantizeOptions
{
    /// <summary>Format of the linear layers.</summary>
    public required WeightFormat Format { get; init; }

    /// <summary>
    /// Format of the vision encoder's and the projection's. Null: that of all, but 8 bits where that is 4. No token reads them, so that they cost a picture's answer
    /// next to nothing, but their errors are in all of it.
    /// </summary>
    public WeightFormat? Encoder { get; init; }

    /// <summary>Weights of a row that share a scale, for <see cref="WeightFormat.Int4"/>: 32, 64 or 128.</summary>
    public int GroupSize { get; init; } = 32;

    /// <summary>
    /// Format of the token embeddings and, with it or by itself, the head, which each token reads whole. Null: bfloat16 where <see cref="Format"/> is that, else 8 bits,
    /// also where it is 4; <see cref="WeightFormat.Stored"/> leaves them as they are.
    /// </summary>
    public WeightFormat? Embedding { get; init; }

    /// <summary>Modules to leave as they are: whole names, or <c>re:</c> and a pattern that the beginning of a name matches.</summary>
    public IReadOnlyList<string> Keep { get; init; } = [];

    /// <summary>Whether scales minimise the error of the weights; otherwise each just holds its largest weight.</summary>
    public bool SearchScales { get; init; } = true;

    /// <summary>
    /// Whether inputs of layers that become integers are brought to one size around zero, where what makes them can take that over: by <see cref="Inputs"/>, or, without them
    /// and if scales are searched, as far as a normalisation's own weight and bias tell.
    /// </summary>
    public bool FoldInputs { get; init; } = true;

    /// <summary>
    /// What layers are given, by the name of the weight: their integers are chosen for the least error of the output instead of the weight, and what
    /// remains of it in the mean goes into the bias. Layers that are not listed, or have no bias, count all inputs the same.
    /// </summary>
    public IReadOnlyDictionary<string, InputStatistics>? Inputs { get; init; }
}
