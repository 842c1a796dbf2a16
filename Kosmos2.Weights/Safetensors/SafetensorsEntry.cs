using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>What a safetensors header says of one tensor.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Extents, outermost first.</param>
/// <param name="Offset">Where its data begins, in bytes from the start of the file.</param>
/// <param name="ByteLength">Size of its data in bytes.</param>
public sealed record SafetensorsEntry(string Name, DType DType, Shape Shape, long Offset, long ByteLength);
