using Kosmos2.Kernels.Cpu.Linear;

namespace Kosmos2.Kernels.Cpu;

/// <summary>A weight read where it lies, in its own type, whatever its alignment. It owns nothing: the file stays mapped as long as its owner says.</summary>
internal class CpuWeight : PreparedWeight
{
    private readonly Tensor? _floats;
    private readonly QuantizedMatrix? _integers;

    public CpuWeight(Tensor matrix)
        : base(matrix.Shape, matrix.DType) => _floats = matrix;

    public CpuWeight(QuantizedMatrix matrix, ProductFormat format = ProductFormat.Float32)
        : base(matrix.Shape, matrix.Values.DType)
    {
        _integers = matrix;
        Format = format;
    }

    /// <summary>What products with it compute with.</summary>
    public ProductFormat Format { get; protected init; }

    /// <summary>Where it lies, for one call.</summary>
    /// <exception cref="InvalidOperationException">The memory was freed.</exception>
    public WeightOperands Operands => _integers is null ? new WeightOperands(_floats!) : new WeightOperands(_integers);
}
