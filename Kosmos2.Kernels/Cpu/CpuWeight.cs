using Kosmos2.Kernels.Cpu.Linear;

namespace Kosmos2.Kernels.Cpu;

/// <summary>A weight read where it lies, in its own type, whatever its alignment. It owns nothing: the file stays mapped as long as its owner says.</summary>
internal class CpuWeight : PreparedWeight
{
    private readonly Tensor? _floats;
    private readonly QuantizedMatrix? _integers;

    public CpuWeight(Tensor matrix, ProductFormat format = ProductFormat.Float32)
        : base(matrix.Shape, matrix.DType)
    {
        _floats = matrix;
        Format = format;
    }

    public CpuWeight(QuantizedMatrix matrix, ProductFormat format = ProductFormat.Float32)
        : base(matrix.Shape, matrix.Values.DType)
    {
        _integers = matrix;
        Format = format;
    }

    /// <summary>What products with it compute with.</summary>
    public ProductFormat Format { get; }

    /// <summary>Where it lies, for one call.</summary>
    /// <exception cref="InvalidOperationException">The memory was freed.</exception>
    public WeightOperands Operands => _integers is null ? new WeightOperands(_floats!) : new WeightOperands(_integers);

    /// <summary>What a product reads of it, beside panels.</summary>
    public virtual WeightOperands ProductOperands => Operands;

    /// <summary>What a product reads beside panels that have all been written: of 8-bit weights the scales, of others nothing.</summary>
    protected WeightOperands OperandsBesidePanels => _integers?.Bits == 8 ? new WeightOperands(_integers, readsValues: false) : default;
}
