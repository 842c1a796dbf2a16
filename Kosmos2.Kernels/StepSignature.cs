namespace Kosmos2.Kernels;

/// <summary>
/// What the operations of a decoding step depend on besides its <see cref="StepTable"/>: steps of equal signatures are the same operations on the same
/// tensors.
/// </summary>
/// <param name="Model">Whose weights and buffers.</param>
/// <param name="Cache">The keys and values.</param>
/// <param name="Table">The step's numbers.</param>
/// <param name="Rows">Rows of the step.</param>
/// <param name="Outputs">Rows that meet the vocabulary.</param>
public readonly record struct StepSignature(object Model, KeyValueBlocks Cache, StepTable Table, int Rows, int Outputs);
