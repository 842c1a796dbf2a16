namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>How a product's weight is kept, and what it is multiplied by.</summary>
/// <param name="Name">In tables and in JSON.</param>
/// <param name="Type">Type of its elements.</param>
/// <param name="Residency">Where they are read from.</param>
/// <param name="Precision">What they are multiplied by.</param>
internal sealed record ProductForm(string Name, DType Type, WeightResidency Residency, ProductPrecision Precision)
{
    private static readonly ProductForm Fast = new("bf16 fast", DType.BF16, WeightResidency.Packed, ProductPrecision.Fast);

    private static readonly ProductForm[] Exact =
    [
        new("f32 mapped", DType.F32, WeightResidency.Mapped, ProductPrecision.Exact),
        new("f32 packed", DType.F32, WeightResidency.Packed, ProductPrecision.Exact),
        new("bf16 mapped", DType.BF16, WeightResidency.Mapped, ProductPrecision.Exact),
        new("bf16 packed", DType.BF16, WeightResidency.Packed, ProductPrecision.Exact),
        new("f16 mapped", DType.F16, WeightResidency.Mapped, ProductPrecision.Exact),
        new("f16 packed", DType.F16, WeightResidency.Packed, ProductPrecision.Exact),
    ];

    /// <summary>The forms of floats that this machine multiplies.</summary>
    public static IEnumerable<ProductForm> Of(MachinePeaks peaks) => peaks.Loops.Contains(PeakLoop.BFloat16) ? [.. Exact, Fast] : Exact;

    /// <summary>Bytes of an element.</summary>
    public int ElementBytes => Type == DType.F32 ? 4 : 2;

    /// <summary>Operations a second that no product of this form can pass.</summary>
    public double Peak(MachinePeaks peaks) => Precision == ProductPrecision.Fast
        ? peaks.Peak(PeakLoop.BFloat16)
        : peaks.FloatPeak;

    /// <summary>
    /// The share of the limit that is stated for a number of rows: measured with AVX2 (Zen 3, 1024x1024, one thread) while other programs ran, and rounded down.
    /// Few rows are bound by memory; widening 16 bits costs one row the more, and mapped weights are packed for more rows than <see cref="Linear.MappedTile.MostRows"/>.
    /// </summary>
    public double Stated(int rows) => (Type, Residency, rows) switch
    {
        (DType.F32, WeightResidency.Packed, _) => 0.5,
        (DType.F32, WeightResidency.Mapped, _) => 0.45,
        (_, WeightResidency.Packed, >= 65) => 0.45,
        (_, WeightResidency.Mapped, >= 65) => 0.4,
        _ => 0.2,
    };
}
