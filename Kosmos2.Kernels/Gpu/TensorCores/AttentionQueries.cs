namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>A block's queries and results, in registers.</summary>
/// <param name="Source">Address of the head of the first query of its sequence.</param>
/// <param name="Result">Address of the head of its result.</param>
/// <param name="Stride">Bytes from one row to the next, of both.</param>
/// <param name="Count">Queries of the sequence.</param>
internal readonly record struct AttentionQueries(string Source, string Result, string Stride, string Count);
