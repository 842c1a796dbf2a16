using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>What a product's weight is made of.</summary>
internal enum WeightForm
{
    /// <summary>F32 as a mapped file gives it, 8 bytes past an aligned address: packed anew in every run.</summary>
    Mapped,

    /// <summary>F32, packed in the first run.</summary>
    Packed,

    /// <summary>BF16, multiplied by BF16 rows.</summary>
    BFloat16,

    /// <summary>8 bits with a scale an output, multiplied by 8-bit rows.</summary>
    Int8,

    /// <summary>4 bits in groups of 32, multiplied by 8-bit rows.</summary>
    Int4,

    /// <summary>As <see cref="Int8"/>, as a mapped file gives it.</summary>
    MappedInt8,

    /// <summary>As <see cref="Int4"/>, as a mapped file gives it.</summary>
    MappedInt4,
}

/// <summary>Our linear layer without bias. Rounding the rows, where the form does, is part of every run.</summary>
internal sealed class OurMatMul : IDisposable
{
    private const int Misalignment = 8;
    private const int GroupSize = 32;

    private readonly CpuBackend _backend;
    private readonly IDisposable _source;
    private readonly LinearParameters _layer;
    private readonly Tensor _x;
    private readonly Tensor _y;

    public OurMatMul(float[] x, float[] weight, MatMulShape shape, WeightForm form, CpuOptions options)
    {
        _backend = new CpuBackend(options with
        {
            Weights = form is WeightForm.Mapped or WeightForm.MappedInt8 or WeightForm.MappedInt4 ? WeightResidency.Mapped : WeightResidency.Packed,
            Products = ProductPrecision.Fast,
        });
        (_source, PreparedWeight prepared) = form switch
        {
            WeightForm.BFloat16 => Prepare(Rounded(weight, shape)),
            WeightForm.Int8 or WeightForm.MappedInt8 => Prepare(Quantized(weight, shape, 8, shape.Inputs)),
            WeightForm.Int4 or WeightForm.MappedInt4 => Prepare(Quantized(weight, shape, 4, GroupSize)),
            _ => Prepare(Mapped(weight, shape)),
        };
        _layer = new LinearParameters(prepared, null);
        _x = _backend.Allocate(DType.F32, shape.Rows, shape.Inputs);
        _y = _backend.Allocate(DType.F32, shape.Rows, shape.Outputs);
        _backend.Upload<float>(x, _x);
    }

    /// <summary>[rows, outputs] of the last run.</summary>
    public ReadOnlySpan<float> Output => _y.AsSpan<float>();

    public string Description => _backend.Description;

    /// <summary>Bytes of a weight that a run reads at least.</summary>
    public static double WeightBytes(MatMulShape shape, WeightForm form) => (double)shape.Outputs * shape.Inputs * form switch
    {
        WeightForm.BFloat16 => 2,
        WeightForm.Int8 or WeightForm.MappedInt8 => 1,
        WeightForm.Int4 or WeightForm.MappedInt4 => 0.5 + ((double)PackedWeight.ScaleBytes(4, packed: form == WeightForm.Int4) / GroupSize),
        _ => 4,
    };

    /// <summary>What a result may be off by: F32 up to rounding, the others by what their bits allow.</summary>
    public static double Allowed(WeightForm form) => form switch
    {
        WeightForm.BFloat16 => 0.01,
        WeightForm.Int8 or WeightForm.MappedInt8 => 0.02,
        WeightForm.Int4 or WeightForm.MappedInt4 => 0.2,
        _ => 1e-5,
    };

    public void Run() => _backend.Linear(_x, _layer, _y);

    public void Dispose()
    {
        _x.Dispose();
        _y.Dispose();
        _layer.Weight.Dispose();
        _source.Dispose();
        _backend.Dispose();
    }

    private (IDisposable, PreparedWeight) Prepare(Tensor matrix) => (matrix.Storage, _backend.Prepare(matrix));

    private (IDisposable, PreparedWeight) Prepare(QuantizedMatrix matrix) => (matrix, _backend.Prepare(matrix));

    private static unsafe Tensor Mapped(float[] weight, MatMulShape shape)
    {
        var matrix = new Tensor(new HostStorage(Misalignment + (weight.LongLength * sizeof(float))), DType.F32, new Shape(shape.Outputs, shape.Inputs), Misalignment);
        weight.CopyTo(new Span<float>(matrix.HostPointer, weight.Length));
        return matrix;
    }

    private static Tensor Rounded(float[] weight, MatMulShape shape)
    {
        Tensor matrix = Tensor.OnHost(DType.BF16, shape.Outputs, shape.Inputs);
        Span<ushort> halves = matrix.AsSpan<ushort>();
        for (int i = 0; i < weight.Length; i++)
            halves[i] = (ushort)(BitConverter.SingleToUInt32Bits(weight[i]) >> 16);
        return matrix;
    }

    /// <summary>The plainest quantization: the largest weight of a group becomes the largest integer.</summary>
    private static QuantizedMatrix Quantized(float[] weight, MatMulShape shape, int bits, int groupSize)
    {
        int most = (1 << (bits - 1)) - 1, groups = shape.Inputs / groupSize;
        Tensor values = bits == 8 ? Tensor.OnHost(DType.I8, shape.Outputs, shape.Inputs) : Tensor.OnHost(DType.I32, shape.Outputs, shape.Inputs / 8);
        Tensor scales = Tensor.OnHost(DType.F32, shape.Outputs, groups);
        for (int group = 0; group < shape.Outputs * groups; group++)
        {
            ReadOnlySpan<float> part = weight.AsSpan(group * groupSize, groupSize);
            float scale = 0;
            foreach (float w in part)
                scale = Math.Max(scale, Math.Abs(w) / most);
            scales.AsSpan<float>()[group] = scale;
            for (int i = 0; i < groupSize; i++)
            {
                int q = (int)MathF.Round(part[i] / scale), at = (group * groupSize) + i;
                if (bits == 8)
                    values.AsSpan<sbyte>()[at] = (sbyte)q;
                else
                    values.AsSpan<int>()[at / 8] |= (q + 8) << (4 * (at % 8));
            }
        }
        return new QuantizedMatrix(new Shape(shape.Outputs, shape.Inputs), bits, groupSize, values, scales);
    }
}
