using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>A weight matrix [rows, width] as pointers, of floats or of small integers.</summary>
internal readonly unsafe struct WeightOperands
{
    private readonly void* _floats;
    private readonly DType _type;
    private readonly nint _width;
    private readonly QuantizedOperands _integers;

    public WeightOperands(Tensor matrix)
    {
        _floats = matrix.HostPointer;
        _type = matrix.DType;
        _width = matrix.Width;
    }

    public WeightOperands(QuantizedMatrix matrix, bool readsValues = true)
    {
        _type = matrix.Values.DType;
        _width = matrix.Shape.Width;
        _integers = new QuantizedOperands(matrix, readsValues);
    }

    /// <summary>Type of the elements.</summary>
    public DType Type => _type;

    /// <summary>[rows, width] the elements; only of a weight of floats.</summary>
    public void* Elements => _floats;

    /// <summary>The integers; only of a weight that has them.</summary>
    public QuantizedOperands Integers => _integers;

    /// <summary>Hands the rows to a reader as the source that widens their type: the one place that tells types apart.</summary>
    public void Read<S, TReader>(in TReader reader)
        where S : unmanaged, ISimd<S>
        where TReader : IWeightReader<S>, allows ref struct
    {
        switch (_type)
        {
            case DType.F16:
                reader.Read(new HalfRows<S, F16Format>((ushort*)_floats, _width));
                break;
            case DType.BF16:
                reader.Read(new HalfRows<S, BF16Format>((ushort*)_floats, _width));
                break;
            case DType.I8:
                reader.Read(new QuantizedRows<S, I8Format>(_integers));
                break;
            case DType.I32:
                reader.Read(new QuantizedRows<S, I4Format>(_integers));
                break;
            default:
                reader.Read(new F32Rows<S>((float*)_floats, _width));
                break;
        }
    }
}

/// <summary>What is done with a weight's rows, compiled once for each type.</summary>
internal interface IWeightReader<S>
    where S : unmanaged, ISimd<S>
{
    void Read<TSource>(TSource rows)
        where TSource : unmanaged, IRowSource<S>;
}
