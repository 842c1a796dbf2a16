namespace Kosmos2.Kernels;

/// <summary>
/// What the operations of a step depend on, of the decoder or of a picture's encoder, besides the content of its tensors: steps of equal signatures are the same
/// operations on the same tensors.
/// </summary>
/// <param name="Model">Whose weights and buffers.</param>
/// <param name="Rows">Rows of the step.</param>
/// <param name="Sequences">Whose rows they are, in equal parts: sequences, or pictures.</param>
/// <param name="Outputs">Rows that meet the vocabulary, or that come out of the encoder.</param>
/// <param name="Table">The decoder's numbers, or null.</param>
/// <param name="Cache">The decoder's keys and values, or null.</param>
/// <param name="IsEmbedded">Whether the rows are there already: the operations begin behind the embedding.</param>
public readonly record struct StepSignature(object Model, int Rows, int Sequences, int Outputs, StepTable? Table = null, KeyValueBlocks? Cache = null, bool IsEmbedded = false);
