namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Types of a product's operands on tensor cores.</summary>
/// <param name="Weight">Of W: BF16, F16, I8, or I32 for words of eight 4-bit integers.</param>
/// <param name="Rows">Of x: W's own, or BF16, which W's integers become on their way in.</param>
internal readonly record struct MatmulTypes(DType Weight, DType Rows)
{
    /// <summary>8-bit integers times 8-bit integers, with exact sums: x in <see cref="ByteRowsText"/>'s bytes, W with one scale an output and no zero points.</summary>
    public static MatmulTypes Bytes { get; } = new(DType.I8, DType.I8);

    /// <summary>Whether W is of integers that are widened.</summary>
    public bool IsWidened => Weight != Rows;

    /// <summary>Whether both are of 8 bits.</summary>
    public bool AreBytes => Rows == DType.I8;

    /// <summary>Elements of x and W that fit in 16 bits: tiles, chunks and inputs of a kernel count such pairs where both are of 8 bits.</summary>
    public int Packed => AreBytes ? 2 : 1;

    /// <summary>A weight's type with the rows that every product of it may have: of its 16 bits, or BF16.</summary>
    public static implicit operator MatmulTypes(DType weight) => new(weight, weight is DType.I8 or DType.I32 ? DType.BF16 : weight);

    /// <summary>Short name: <c>bf16</c>, <c>f16</c>, <c>int8</c> and <c>int4</c> for what is widened, <c>bytes</c>.</summary>
    public override string ToString() => AreBytes ? "bytes" : Weight == DType.I8 ? "int8" : Weight == DType.I32 ? "int4" : MatmulText.Suffix(Weight);
}
