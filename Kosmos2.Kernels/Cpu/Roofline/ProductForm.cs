namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>How a product's weight is kept, and what it is multiplied by.</summary>
/// <param name="Name">In tables and in JSON.</param>
/// <param name="Type">Type of its elements, or of the words that hold them.</param>
/// <param name="Bits">Bits of an element.</param>
/// <param name="Residency">Where they are read from.</param>
/// <param name="Precision">What they are multiplied by.</param>
internal sealed record ProductForm(string Name, DType Type, int Bits, WeightResidency Residency, ProductPrecision Precision)
{
    /// <summary>Inputs that share a scale of 4-bit weights.</summary>
    private const int GroupSize = 32;

    private static readonly ProductForm BFloat16Fast = new("bf16 fast", DType.BF16, 16, WeightResidency.Packed, ProductPrecision.Fast);

    private static readonly ProductForm[] Everywhere =
    [
        new("f32 mapped", DType.F32, 32, WeightResidency.Mapped, ProductPrecision.Exact),
        new("f32 packed", DType.F32, 32, WeightResidency.Packed, ProductPrecision.Exact),
        new("bf16 mapped", DType.BF16, 16, WeightResidency.Mapped, ProductPrecision.Exact),
        new("bf16 packed", DType.BF16, 16, WeightResidency.Packed, ProductPrecision.Exact),
        new("f16 mapped", DType.F16, 16, WeightResidency.Mapped, ProductPrecision.Exact),
        new("f16 packed", DType.F16, 16, WeightResidency.Packed, ProductPrecision.Exact),
        new("int8 mapped", DType.I8, 8, WeightResidency.Mapped, ProductPrecision.Fast),
        new("int8 packed", DType.I8, 8, WeightResidency.Packed, ProductPrecision.Fast),
        new("int4 mapped", DType.I32, 4, WeightResidency.Mapped, ProductPrecision.Fast),
        new("int4 packed", DType.I32, 4, WeightResidency.Packed, ProductPrecision.Fast),
    ];

    /// <summary>The forms that this machine has kernels of their own for.</summary>
    public static IEnumerable<ProductForm> Of(MachinePeaks peaks) =>
        peaks.FastBFloat16 ? [.. Everywhere, BFloat16Fast] : Everywhere;

    /// <summary>Whether a weight of the model comes in this form: that of the patch embedding, whose rows no groups divide, never becomes integers.</summary>
    public bool Takes(int inputs) => Bits > 8 || inputs % GroupSize == 0;

    /// <summary>Bytes that a product reads of a weight: its elements, and of integers the scales, which packed 4-bit weights have in 16 bits.</summary>
    public long ReadBytes(int outputs, int inputs) =>
        ElementBytes(outputs, inputs) + (PackedWeight.ScaleBytes(Bits, Residency == WeightResidency.Packed) * Scales(outputs, inputs));

    /// <summary>Bytes of a weight as it is stored.</summary>
    public long StoredBytes(int outputs, int inputs) => ElementBytes(outputs, inputs) + (sizeof(float) * Scales(outputs, inputs));

    /// <summary>Operations a second that no product of this form can pass.</summary>
    public double Peak(IMachineLimits limits) => (Bits, Precision) switch
    {
        (8, _) => limits.Int8Peak,
        (4, _) => limits.Int4Peak,
        (_, ProductPrecision.Fast) => limits.BFloat16Peak,
        _ => limits.FloatPeak,
    };

    /// <summary>A weight of this form that lies in memory, whatever its numbers are.</summary>
    /// <param name="backend">Takes it.</param>
    /// <param name="memory">Holds it.</param>
    /// <param name="offset">Of its first byte, a multiple of 4.</param>
    /// <param name="outputs">Its rows.</param>
    /// <param name="inputs">Its width, a multiple of 8.</param>
    public PreparedWeight Prepare(CpuBackend backend, TensorStorage memory, long offset, int outputs, int inputs)
    {
        if (Groups(inputs) == 0)
            return backend.Prepare(new Tensor(memory, Type, new Shape(outputs, inputs), offset));
        var values = new Tensor(memory, Type, new Shape(outputs, Bits == 8 ? inputs : inputs / 8), offset);
        var scales = new Tensor(memory, DType.F32, new Shape(outputs, Groups(inputs)), offset + ElementBytes(outputs, inputs));
        return backend.Prepare(new QuantizedMatrix(new Shape(outputs, inputs), Bits, inputs / Groups(inputs), values, scales));
    }

    private long ElementBytes(int outputs, int inputs) => (long)outputs * inputs * Bits / 8;

    private long Scales(int outputs, int inputs) => (long)outputs * Groups(inputs);

    private int Groups(int inputs) => Bits switch { 8 => 1, 4 => inputs / GroupSize, _ => 0 };
}
